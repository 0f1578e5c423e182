"""How often the stand-in cloud is right on the bundled shop's unseen questions, and how fast it answers.

    python benchmarks/standin_cloud.py [--questions 500] [--mode mixed]

The whole way is the real one: recorded dialogues become a corpus, the teacher builds its prompts (N pairs, with or
without the shop's rules), the guard masks, the client asks a stand-in process over HTTP, and the shop's
truth judges. Required: at least 0.95 right on unseen combinations at N = 500 with rules. Then a sweep of requests
with N = 500 is timed beside what the client alone takes, asking the same process for a one-word prompt.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from endcloud.bundled import standin_cloud
from endcloud.bundled.dialogues import write_dialogues
from endcloud.bundled.held_out import Question, combinations, patterns
from endcloud.bundled.shop import load_shop
from endcloud.bundled.truth import judge
from endcloud.cloud.catalogue import read_catalogue
from endcloud.cloud.client import OpenAICloud
from endcloud.cloud.exemplars import Exemplars, Mode
from endcloud.cloud.persona import Persona
from endcloud.cloud.policies import Policies, read_policies
from endcloud.cloud.teacher import Prompt, Teacher
from endcloud.corpus.dataset import read_examples
from endcloud.corpus.preparation import prepare
from endcloud.privacy.detection import Detector
from endcloud.privacy.guard import Guard
from endcloud.privacy.masking import ConversationMasker
from endcloud.testing.memory_ledger import MemoryLedger
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import Example, Message, Request

SEED, AT_ONCE, REQUIRED = 1, 8, 0.95
MODEL = "standin-cloud"


async def ask_all(teacher: Teacher, prompts: Sequence[Prompt]) -> list[str]:
    """The answers to all prompts, `AT_ONCE` in flight."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(prompt: Prompt) -> str:
        async with gate:
            return (await teacher.answer(prompt)).text

    return await asyncio.gather(*map(ask, prompts))


def asked(questions: Sequence[Question], masker: ConversationMasker) -> list[Example]:
    """Each question as an example of no recorded dialogue, masked as ingest masks."""
    return [
        Example(q.id, f"asked-{q.id}", "", tuple(masker.mask(q.messages).messages), "", "natural", "", "test")
        for q in questions
    ]


def share_right(questions: Sequence[Question], answers: Sequence[str]) -> float:
    right = [judge(question.meaning, answer).right for question, answer in zip(questions, answers, strict=True)]
    return sum(right) / len(right)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--mode", choices=("fixed", "nearest", "mixed"), default="mixed")
    options = parser.parse_args()
    mode: Mode = options.mode
    shop, masker, progress = load_shop(), ConversationMasker(Detector()), SilentProgress()
    with tempfile.TemporaryDirectory() as directory, standin_cloud.running() as url:
        folder = Path(directory)
        source = write_dialogues(shop, folder, SEED)
        prepare([source], folder / "corpus", masker=masker, key=b"benchmark", progress=progress)
        examples = read_examples(folder / "corpus")
        (folder / "policies.md").write_text(shop.policies(), encoding="utf-8")
        (folder / "catalogue.csv").write_text(shop.catalogue(), encoding="utf-8")
        rules, rows = read_policies(folder / "policies.md"), read_catalogue(folder / "catalogue.csv")
        guard = Guard(OpenAICloud(url, MODEL, "none"), masker, MemoryLedger())

        def teacher(n: int, told: bool) -> Teacher:
            persona = Persona(shop.role, shop.manner)
            exemplars = Exemplars(examples, mode=mode, pairs=n)
            return Teacher(guard, persona, rules if told else Policies(), exemplars, rows)

        unseen = combinations(shop, options.questions, SEED)
        wordings = patterns(shop, options.questions, SEED)
        print(f"share right, {mode} pairs: {len(unseen)} unseen combinations / {len(wordings)} unseen patterns")
        print("   N    with rules       without rules")
        reached = 0.0
        for n in (0, 8, 50, 500):
            cells = []
            for told in (True, False):
                model = teacher(n, told)
                shares = [
                    share_right(questions, asyncio.run(ask_all(model, list(model.prompts(asked(questions, masker))))))
                    for questions in (unseen, wordings)
                ]
                cells.append("{:.3f} / {:.3f}".format(*shares))
                reached = shares[0] if told else reached
            print(f"{n:4d}    {cells[0]:<17s}{cells[1]}")
        timed = list(teacher(500, True).prompts(asked(unseen, masker)))
        short = Request((Message("user", "在吗"),), purpose="label")
        bare = [Prompt(p.example, short, p.key, p.digest, (), ()) for p in timed]
        seconds = []
        for prompts in (timed, bare):
            begun = time.perf_counter()
            asyncio.run(ask_all(teacher(0, False), prompts))
            seconds.append((time.perf_counter() - begun) / len(prompts))
        print(f"{1000 * seconds[0]:.1f} ms a request with N = 500, {1000 * seconds[1]:.1f} ms with an empty prompt")
    verdict = "reached" if reached >= REQUIRED else "MISSED"
    print(f"required {REQUIRED} at N = 500 with rules: {reached:.3f}, {verdict}")
    return 0 if reached >= REQUIRED else 1


if __name__ == "__main__":
    sys.exit(main())
