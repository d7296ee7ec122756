// The text of one lane's rows in its box, with the first word marked in which the shown row departs from the baseline's.
class Answer {
  constructor(box, rows) {
    this.box = box;
    this.rows = new Array(rows).fill('');
    this.row = 0;
    this.following = true;
    box.addEventListener('scroll', () => { this.following = box.scrollHeight - box.scrollTop - box.clientHeight < 24; });
    this.mark = make('mark', 'lp-departs');
    this.same = document.createTextNode('');
    this.rest = document.createTextNode('');
    box.append(this.same, this.mark, this.rest);
    this.forget();
  }

  // Takes a change of a row; true when something that stood before was taken back.
  change(row, keep, tail) {
    this.rows[row] = changed(this.rows[row], keep, tail);
    if (row !== this.row) return false;
    if (keep !== null) this.forget();
    else if (this.from === null) this.same.appendData(tail);
    else if (this.rest.length) this.rest.appendData(tail);
    else this.draw(); // the marked word may still be growing
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
    const text = this.rows[this.row];
    if (this.from === null) {
      this.same.data = text;
      this.mark.textContent = this.rest.data = '';
    } else {
      const end = text.slice(this.agreed + 1).search(/\s/), to = end < 0 ? text.length : this.agreed + 1 + end;
      this.same.data = text.slice(0, this.from);
      this.mark.textContent = text.slice(this.from, to);
      this.rest.data = text.slice(to);
    }
    this.mark.hidden = this.from === null;
  }
}
