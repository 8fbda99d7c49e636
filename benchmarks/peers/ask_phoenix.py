"""Phoenix's evaluators ask the judge server: run by judging_throughput in Phoenix's environment.

    python ask_phoenix.py BASE_URL FOLDER [REQUESTS_A_SECOND]

An evaluator over a dataframe, by ``async_evaluate_dataframe`` with concurrency 64; it asks its LLM
for an object of our schema with our messages. Without a rate, the LLM keeps its own.
"""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

import pandas as pd
from phoenix.evals import LLM, async_evaluate_dataframe, create_evaluator

CONCURRENCY = 64


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    base_url, folder, *rate = sys.argv[1:]
    schema = json.loads((Path(folder) / "schema.json").read_text())
    frame = pd.read_json(Path(folder) / "conversations.jsonl", lines=True)
    llm = LLM(
        provider="openai",
        model="simulated-judge",
        base_url=base_url,
        api_key="none",
        initial_per_second_request_rate=float(rate[0]) if rate else None,
    )

    @create_evaluator(name="judge", kind="llm")
    async def judge(system: str, user: str) -> dict:
        prompt = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        answer = await llm.async_generate_object(prompt, schema, max_completion_tokens=2000)
        return {"score": answer["stance"], "explanation": json.dumps(answer)}

    began, before = time.perf_counter(), cpu()
    found = asyncio.run(
        async_evaluate_dataframe(
            frame, [judge], concurrency=CONCURRENCY, hide_tqdm_bar=True, exit_on_error=False
        )
    )
    seconds, used = time.perf_counter() - began, cpu() - before
    completed = int(found["judge_score"].notna().sum())
    print(json.dumps({"completed": completed, "seconds": seconds, "cpu": used}))


if __name__ == "__main__":
    main()
