"""A lane as a script of its own: current transformers code that gives the reader the tokens the lane gave; pure text.

It says what `worker` does (loading.py, prompts.py, repeat.py, adapters.py); tests/worker/test_reproduce.py runs the
scripts and compares their tokens with the lanes'. What was typed gets into a script only as a Python literal, never as code or comment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from playground.errors import InputError
from playground.spec.lane import Lane
from playground.spec.names import EMBEDDED_HUB_ID, EMBEDDED_MODEL, random_rank
from playground.spec.request import RunRequest
from playground.spec.variant import Variant
from playground.spec.weights import DTYPES, Recipe

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
_WIDTH = 120
_TAB = "    "


def script(request: RunRequest, index: int, *, sources: Mapping[str, str] | None = None, show_folders: bool = False) -> str:
    """The source text for lane `index`: run, it prints the lane's answers and holds their ids in `output_ids`.

    `sources`: model name → Hub id or folder, to be written instead of the request's own. `show_folders`: the folders of models and
    adapters are written out; else, as on a page, whose visitors they do not concern, a name stands in their place.
    Raises InputError for a lane that the engine refuses too.
    """
    lane = request.lanes[index]
    if request.workload.system and not request.workload.chat:
        raise InputError("system", "a system prompt needs the chat template, which is switched off")
    if (source := _source(request, lane)).endswith(":"):
        raise InputError("model", f"a lane of {source} runs no model, so there is no script of it")
    model, model_note = _model(request, lane, sources or {}, show_folders)
    sections = (
        [f"# The lane {lane} as a script of its own.", f"# Needs: pip install {' '.join(_packages(lane))}"],
        _imports(lane),
        [*_set_up(request, lane), *model_note, f"MODEL = {literal(model)}", *_prompts(request.rows(lane), request.workload.prompts)],
        [*_load(lane), *_adapters(request, lane, show_folders), *_flags(lane.variant.weights.recipe()), *_tokenizer(), *_STAMP],
        [*_generate(request, lane), *_report(request, lane)],
    )
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def literal(text: str) -> str:
    """The text as a Python string literal on one line: what is invisible or turns the reading direction is escaped."""
    written = repr(text)
    return written if '"' in text else f'"{written[1:-1]}"'


def is_hub_id(source: str) -> bool:
    """Whether a model's source is a Hub id. A folder of that name comes first, as it does where models are loaded."""
    return bool(_HUB_ID.fullmatch(source)) and not Path(source).is_dir()


def _packages(lane: Lane) -> list[str]:
    peft = ["peft"] if lane.variant.adapter is not None else []
    return ["torch", "transformers", "accelerate", *lane.variant.weights.requires, *peft]


def _imports(lane: Lane) -> list[str]:
    recipe = lane.variant.weights.recipe()
    config = [recipe.config] if recipe.config else []
    return [
        *(["import logging"] if recipe.noisy_logger else []),
        "import time",
        "",
        "import torch",
        *([f"from peft import {', '.join(_from_peft(lane.variant))}"] if lane.variant.adapter else []),
        f"from transformers import {', '.join(['AutoModelForCausalLM', 'AutoTokenizer', *config, 'StoppingCriteriaList'])}",
    ]


def _from_peft(variant: Variant) -> list[str]:
    """The first adapter makes the model PEFT's; it takes others by itself."""
    untrained = [random_rank(name) is not None for name in variant.adapters if name]
    return [*(["LoraConfig"] if any(untrained) else []), "get_peft_model" if untrained[0] else "PeftModel"]


def _set_up(request: RunRequest, lane: Lane) -> list[str]:
    device, threads, noisy = lane.variant.runtime.device, request.measure.threads, lane.variant.weights.recipe().noisy_logger
    quiet = f"logging.getLogger({literal(noisy)}).setLevel(logging.ERROR)  # else a warning a layer and step, which takes time"
    return [
        *([quiet] if noisy else []),
        *([f"torch.set_num_threads({threads})"] if threads else []),
        f"device = {literal(device)}" if device else 'device = "cuda:0" if torch.cuda.is_available() else "cpu"',
    ]


def _source(request: RunRequest, lane: Lane) -> str:
    return request.model_id(lane)


def _model(request: RunRequest, lane: Lane, sources: Mapping[str, str], show_folders: bool) -> tuple[str, list[str]]:
    """What MODEL is, and the comment above it."""
    name = lane.variant.model or request.model
    source = sources.get(name, _source(request, lane))
    if source == EMBEDDED_MODEL:
        return EMBEDDED_HUB_ID, ["# The app may have run a copy made from 4-bit (Q4_1) weights, whose tokens can differ."]
    return (source, []) if is_hub_id(source) else _folder(source, name, show_folders)


def _folder(path: str, name: str, show_folders: bool) -> tuple[str, list[str]]:
    """What is written for a folder, and the comment above it."""
    if show_folders:
        return str(Path(path).expanduser()), []
    # With the dot it cannot be taken for a repository of the Hub.
    return f"./{name}", ["# A folder on the app's machine has this name; write the path of your own copy."]


def _prompts(rows: tuple[str, ...], prompts: tuple[str, ...]) -> list[str]:
    """The prompt of each row, prompts cycled over the batch."""
    items = [literal(prompt) for prompt in prompts]
    line = f"prompts = [{', '.join(items)}]"
    if len(prompts) == 1:
        return [f"{line} * {len(rows)}  # one a row of the batch" if len(rows) > 1 else line]
    lines = [line] if len(line) <= _WIDTH else ["prompts = [", *(f"{_TAB}{item}," for item in items), "]"]
    if len(rows) > len(prompts):
        lines.append(f"prompts = [prompts[row % {len(prompts)}] for row in range({len(rows)})]  # one a row of the batch")
    return lines


def _load(lane: Lane) -> list[str]:
    recipe, runtime = lane.variant.weights.recipe(), lane.variant.runtime
    quantization = _call(f"quantization = {recipe.config}", _keywords(recipe.arguments)) if recipe.config else []
    arguments = [
        f"MODEL, dtype={_dtype(recipe)}",
        *(["quantization_config=quantization"] if recipe.config else []),
        'device_map={"": device}',
        *_keywords(runtime.load_arguments()),
    ]
    return [*quantization, *_call("model = AutoModelForCausalLM.from_pretrained", arguments)]


def _call(function: str, arguments: list[str]) -> list[str]:
    """On one line if it fits; else the arguments on a line of their own, or each on one."""
    together = ", ".join(arguments)
    if len(function) + len(together) + 2 <= _WIDTH:
        return [f"{function}({together})"]
    lines = [together] if len(_TAB + together) <= _WIDTH else [f"{argument}," for argument in arguments]
    return [f"{function}(", *(_TAB + line for line in lines), ")"]


def _keywords(arguments: Mapping[str, object]) -> list[str]:
    return [f"{name}={literal(value) if isinstance(value, str) else repr(value)}" for name, value in arguments.items()]


def _flags(recipe: Recipe) -> list[str]:
    """What is set on modules before anything runs."""
    if not recipe.module_flags:
        return []
    lines = ([f'{_TAB}if hasattr(module, "{name}"):', f"{_TAB * 2}module.{name} = {value}"] for name, value in recipe.module_flags.items())
    return [f"for module in model.modules():  # {recipe.flags_reason}", *(line for pair in lines for line in pair)]


def _dtype(recipe: Recipe) -> str:
    """Of everything that is not quantized."""
    return f"torch.{DTYPES[recipe.dtype]}"


def _adapters(request: RunRequest, lane: Lane, show_folders: bool) -> list[str]:
    """All before the first forward, after which 4-bit weights may be repacked for the CPU's fused kernel."""
    variant = lane.variant
    if variant.adapter is None:
        return []
    names = list(dict.fromkeys(filter(None, variant.adapters)))
    called = _called(names) if len(variant.adapters) > 1 else {}
    return [
        *(line for number, name in enumerate(names) for line in _one_adapter(request, name, called.get(name), number == 0, show_folders)),
        "for name, parameter in model.named_parameters():",
        f'{_TAB}if "lora_" in name:  # in the dtype of the layers around it; PEFT keeps fp32',
        f"{_TAB * 2}parameter.data = parameter.data.to({_dtype(variant.weights.recipe())})",
        *_merged(variant),
        *(_by_row(lane, called) if called else []),
    ]


def _called(names: list[str]) -> dict[str, str]:
    """What PEFT is told to call them: it takes no dots, and no name that a module list has for itself."""
    return {name: f"adapter-{number}-{name.replace('.', '-')}" for number, name in enumerate(names, start=1)}


def _one_adapter(request: RunRequest, name: str, called: str | None, first: bool, show_folders: bool) -> list[str]:
    """`called`: its name among several."""
    named = f", adapter_name={literal(called)}" if called else ""
    if (rank := random_rank(name)) is not None:
        config = f'LoraConfig(r={rank}, target_modules="all-linear")'
        eval_alone = "" if called else ".eval()"
        put = (
            f"model = get_peft_model(model, {config}{named}){eval_alone}"
            if first
            else f"model.add_adapter({literal(called or '')}, {config})"
        )
        return ["# Untrained: PEFT's own start, whose B is zero, so it adds nothing but time.", put]
    folder, note = _folder(request.adapters[name], name, show_folders)
    put = "model = PeftModel.from_pretrained(model, " if first else "model.load_adapter("
    return [*note, f"{put}{literal(folder)}{named})"]


def _merged(variant: Variant) -> list[str]:
    if not variant.merged:
        return []
    rounded = "  # dequantized, added to and quantized again" if variant.weights.quantized else ""
    return [f"model = model.merge_and_unload(){rounded}"]


def _by_row(lane: Lane, called: Mapping[str, str]) -> list[str]:
    """The adapter of each row, cycled over the batch."""
    names = [called[name] if name else "__base__" for name in lane.variant.adapters]
    line = f"adapter_names = [{', '.join(map(literal, names))}]"
    cycled = f"adapter_names = [adapter_names[row % {len(names)}] for row in range({lane.batch})]"
    return [
        "model.eval()",
        f"{line}  # one a row{'; __base__: none' if None in lane.variant.adapters else ''}",
        *([cycled] if lane.batch > len(names) else []),
    ]


def _tokenizer() -> list[str]:
    return [
        'tokenizer = AutoTokenizer.from_pretrained(MODEL, padding_side="left")  # rows end together, where answers begin',
        "if tokenizer.pad_token_id is None:",
        f"{_TAB}tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)",
    ]


_STAMP = (
    "stamps = []",
    "",
    "",
    "def stamp(input_ids, scores, **kwargs):  # generate calls it after each step",
    f"{_TAB}input_ids.cpu()  # waits until a GPU has done the step",
    f"{_TAB}stamps.append(time.perf_counter())",
    f"{_TAB}return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)  # stops no row",
    "",
)


def _generate(request: RunRequest, lane: Lane) -> list[str]:
    """From texts to answers; in a loop if there are warm-ups. Each repeat begins with the seed, so all give the same tokens."""
    decoding, measure = lane.decoding, request.measure
    options = ", ".join(_keywords(decoding.generate_arguments() | lane.variant.runtime.generate_arguments()))
    length = ", eos_token_id=None,  # a fixed length: nothing ends a row early" if measure.fixed_length else ","
    body = [
        *([f"torch.manual_seed({decoding.seed_in(measure.seed)})"] if decoding.sampled else []),
        *(["stamps.clear()"] if measure.warmup else []),
        "start = time.perf_counter()  # before tokenizing",
        *_encode(request, lane),
        "output = model.generate(",
        f"{_TAB}**inputs, {options},",
        f"{_TAB}max_new_tokens={measure.max_new_tokens}{length}",
        *([f"{_TAB}adapter_names=adapter_names,"] if len(lane.variant.adapters) > 1 else []),
        f"{_TAB}pad_token_id=tokenizer.pad_token_id, stopping_criteria=StoppingCriteriaList([stamp]),",
        ")",
        'output_ids = output[:, inputs["input_ids"].shape[1] :]  # without the prompt',
        "answers = tokenizer.batch_decode(output_ids, skip_special_tokens=True)",
        *(["end = time.perf_counter()"] if decoding.revises else []),
    ]
    if not measure.warmup:
        return body
    which = "the first one warms up" if measure.warmup == 1 else f"the first {measure.warmup} warm up"
    return [f"for repeat in range({measure.warmup + 1}):  # {which}, the last one counts", *(_TAB + line for line in body)]


def _encode(request: RunRequest, lane: Lane) -> list[str]:
    workload = request.workload
    if not workload.chat:
        return [_inputs("prompts", "True")]
    system = f'{{"role": "system", "content": {literal(workload.system)}}}, ' if workload.system else ""
    chats = f'chats = [[{system}{{"role": "user", "content": prompt}}] for prompt in prompts]'
    texts = "texts = [tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) for chat in chats]"
    if workload.system or _source(request, lane) == EMBEDDED_MODEL:
        return [chats, texts, _inputs("texts", "False")]
    return [
        "texts = prompts",
        "if tokenizer.chat_template:  # a model without one gets the prompts as they stand",
        _TAB + chats,
        _TAB + texts,
        _inputs("texts", "not tokenizer.chat_template"),
    ]


def _inputs(texts: str, special: str) -> str:
    """A chat template writes the special tokens itself."""
    return f'inputs = tokenizer({texts}, return_tensors="pt", padding=True, add_special_tokens={special}).to(device)'


def _report(request: RunRequest, lane: Lane) -> list[str]:
    """The answers and the figures, as playground/analysis/measuring.py defines them."""
    measure = request.measure
    step = "{1e3 * (stamps[-1] - stamps[0]) / (len(stamps) - 1):.2f} ms"
    if lane.decoding.revises:
        first = 'print(f"TTFT {1e3 * (end - start):.1f} ms: before its end no token of a beam search is certain")'
        after = f'print(f"step {step}")'
    else:
        longest = "" if measure.fixed_length or lane.batch == 1 else " of the longest row"
        first, after = 'print(f"TTFT {1e3 * (stamps[0] - start):.1f} ms")', f'print(f"TPOT{longest} {step}")'
    known = measure.fixed_length and measure.max_new_tokens > 1
    return ['print(*answers, sep="\\n---\\n")', first, *([after] if known else ["if len(stamps) > 1:", _TAB + after])]
