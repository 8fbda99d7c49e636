"""Inspect Scout asks the judge server: run by judging_throughput in Scout's environment.

    python ask_scout.py BASE_URL FOLDER [PROCESSES]

A scanner over a transcript database, by ``scan`` with 64 transcripts at a time; it asks the model
with our messages and our schema. Without a number of processes, Scout keeps its own.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
from inspect_ai.model import (
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    ResponseSchema,
    get_model,
)
from inspect_ai.util import JSONSchema
from inspect_scout import (
    Result,
    Scanner,
    Transcript,
    scan,
    scan_results_df,
    scanner,
    transcripts_db,
    transcripts_from,
)

CONCURRENCY = 64
MODEL = "openai-api/judge/simulated-judge"


@scanner(messages="all")
def judge(schema: dict) -> Scanner[Transcript]:
    response = ResponseSchema(name="verdict", json_schema=JSONSchema(**schema), strict=True)
    config = GenerateConfig(response_schema=response, max_tokens=2000)

    async def ask(transcript: Transcript) -> Result:
        output = await get_model().generate(transcript.messages, config=config)
        answer = json.loads(output.completion)
        return Result(value=answer["stance"], explanation=answer["rationale"], metadata=answer)

    return ask


def transcripts(file: Path) -> Iterator[Transcript]:
    for line in file.read_text().splitlines():
        row = json.loads(line)
        system = ChatMessageSystem(content=row["system"])
        user = ChatMessageUser(content=row["user"])
        yield Transcript(transcript_id=row["name"], messages=[system, user])


async def insert(database: str, file: Path) -> None:
    async with transcripts_db(database) as opened:
        await opened.insert(transcripts(file))


def cpu() -> float:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, who))


def main() -> None:
    base_url, folder, *processes = sys.argv[1:]
    os.environ |= {"JUDGE_BASE_URL": base_url, "JUDGE_API_KEY": "none"}
    schema = json.loads((Path(folder) / "schema.json").read_text())
    database = str(Path(folder) / "transcripts")
    anyio.run(insert, database, Path(folder) / "conversations.jsonl")
    began, before = time.perf_counter(), cpu()
    status = scan(
        [judge(schema)],
        transcripts_from(database),
        scans=str(Path(folder) / "scans"),
        model=MODEL,
        max_transcripts=CONCURRENCY,
        max_processes=int(processes[0]) if processes else None,
        display="none",
    )
    seconds, used = time.perf_counter() - began, cpu() - before
    rows = scan_results_df(status.location).scanners["judge"]
    completed = int(rows["value"].notna().sum())
    print(json.dumps({"completed": completed, "seconds": seconds, "cpu": used}))


if __name__ == "__main__":
    main()
