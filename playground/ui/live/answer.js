// @ts-check
// The text of one lane's rows in its box, with the first word marked in which the shown row departs from the baseline's.
import { make } from '../shared/dom.js';
import { changed } from './timeline.js';

const FOLD_AT = 300, BREAK_AT = 1200; // characters

export class Answer {
  /** @param {HTMLElement} box @param {number} rows */
  constructor(box, rows) {
    this.box = box;
    this.rows = new Array(rows).fill('');
    this.row = 0;
    this.following = true;
    this.mark = make('mark', 'lp-departs');
    box.addEventListener('scroll', () => { this.following = box.scrollHeight - box.scrollTop - box.clientHeight < 24; });
    this.forget();
  }

  // Takes a change of a row; true when something that stood before was taken back.
  /** @param {number} row @param {number | null} keep @param {string} tail */
  change(row, keep, tail) {
    this.rows[row] = changed(this.rows[row], keep, tail);
    if (row !== this.row) return false;
    if (keep !== null) this.forget();
    else if (this.markOpen) this.draw(); // the marked word may still be growing
    else this.append(tail);
    return keep !== null;
  }

  // Keeps the end in sight, unless the reader has scrolled away from it. Once a frame: asking for heights between changes is dear.
  follow() {
    if (this.following) this.box.scrollTop = this.box.scrollHeight;
  }

  clear() {
    this.rows.fill('');
    this.following = true;
    this.forget();
  }

  set(texts) {
    this.rows = texts;
    this.forget();
    this.follow();
  }

  show(row) {
    this.row = row;
    this.following = true;
    this.forget();
    this.box.scrollTop = 0;
  }

  forget() {
    this.agreed = 0;
    this.from = null;
    this.draw();
  }

  // Looks on from where both agreed so far.
  compare(other) {
    if (this.from !== null) return;
    const mine = this.rows[this.row], most = Math.min(mine.length, other.length);
    while (this.agreed < most && mine[this.agreed] === other[this.agreed]) this.agreed += 1;
    if (this.agreed === most) return;
    this.from = this.agreed;
    while (this.from > 0 && !/\s/.test(mine[this.from - 1]) && !/\s/.test(mine[this.from])) this.from -= 1;
    this.draw();
  }

  draw() {
    const text = this.rows[this.row], from = this.from ?? text.length;
    const end = this.from === null ? 0 : text.slice(this.agreed + 1).search(/\s/);
    const to = end < 0 ? text.length : this.agreed + 1 + end;
    this.box.replaceChildren();
    this.tail = null;
    this.append(text.slice(0, from));
    this.markOpen = this.from !== null && end < 0;
    if (this.from === null) return;
    this.mark.textContent = text.slice(from, to);
    this.box.append(this.mark);
    this.tail = null;
    this.append(text.slice(to));
  }

  append(text) {
    if (!this.tail) this.tail = this.box.appendChild(document.createTextNode(''));
    this.tail.appendData(text);
    while (this.tail.length > FOLD_AT && this.fold());
  }

  // What is long ago becomes a block of its own, at a line's end: the browser then lays out only the last lines anew, however long
  // the text.
  fold() {
    const { data } = this.tail, line = data.indexOf('\n', FOLD_AT / 2);
    const at = line >= 0 ? line : data.length > BREAK_AT ? data.indexOf(' ', BREAK_AT / 2) : -1;
    if (at < 0) return false;
    const next = this.tail.splitText(at + 1), block = make('div', 'lp-block'), inline = [];
    for (let node = next.previousSibling; node && node.className !== 'lp-block'; node = node.previousSibling) inline.unshift(node);
    block.append(...inline);
    this.box.insertBefore(block, next);
    this.tail = next;
    return true;
  }
}
