"""Tokens a second of CPU time of our sampling and of transformers' generate, at the scale of the demo.

    python benchmarks/sampling_speed/run.py [--batches 128 192 256] [--repeats 5]

The model is a Llama of 0.87M parameters with random weights (d 128, 4 layers, 1,024 words). The two samplers take
turns, times are of the CPU, and the best of each counts, so that other work on the machine disturbs both alike. "to the
limit": all sequences run to 80 tokens. "vary": some end by themselves before, as a policy's do; generate goes on with
all rows until the last one ends.
"""

import argparse
import sys
import time
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

sys.path.insert(0, str(Path(__file__).parents[2]))

from workbench.modeling.generation import Sampling, generate

PROMPT, NEW, EOS, PAD = 25, 80, 2, 0


def small_llama():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=1024, hidden_size=128, intermediate_size=352, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=True, pad_token_id=PAD,
        bos_token_id=1, eos_token_id=EOS,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def measure(model, batch, repeats, ends_vary):
    """Seconds and tokens of both samplers: {"ours": (s, tokens), "transformers": (s, tokens)}."""
    prompts = torch.randint(3, 1024, (batch, PROMPT), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(prompts)
    eos = EOS if ends_vary else 10**6
    best = {}
    for _ in range(repeats):
        start = time.process_time()
        drawn = generate(
            model, prompts.tolist(), sampling=Sampling(max_new_tokens=NEW), seeds=range(batch), eos_token_id=eos,
            pad_token_id=PAD,
        )  # fmt: skip
        seconds = time.process_time() - start
        best["ours"] = min(best.get("ours", (9e9, 0)), (seconds, int(drawn.lengths.sum())))
        start = time.process_time()
        with torch.inference_mode():
            out = model.generate(
                input_ids=prompts, attention_mask=mask, do_sample=True, top_k=0, max_new_tokens=NEW,
                min_new_tokens=None if ends_vary else NEW, eos_token_id=EOS,
            )  # fmt: skip
        seconds = time.process_time() - start
        tokens = int(((out[:, PROMPT:] == EOS).cumsum(1).cumsum(1) <= 1).sum())
        best["transformers"] = min(best.get("transformers", (9e9, 0)), (seconds, tokens))
    return best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batches", type=int, nargs="+", default=[128, 192, 256])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)  # CPU time of several threads counts their waiting too
    print(f"torch {torch.__version__}, 1 thread")
    print("| batch | ends | ours, tokens/s | transformers, tokens/s | ratio |\n|---|---|---|---|---|")
    for batch in options.batches:
        for ends_vary in (False, True):
            model = small_llama()
            if ends_vary:
                # A long embedding makes the eos likely after some tokens and not after others.
                with torch.no_grad():
                    model.model.embed_tokens.weight[EOS].mul_(7)
            best = measure(model, batch, options.repeats, ends_vary)
            rate = {name: tokens / seconds for name, (seconds, tokens) in best.items()}
            length = best["ours"][1] / batch
            kind = f"vary, mean {length:.0f}" if ends_vary else "to the limit"
            print(f"| {batch} | {kind} | {rate['ours']:,.0f} | {rate['transformers']:,.0f} | "
                  f"{rate['ours'] / rate['transformers']:.2f} |")  # fmt: skip


if __name__ == "__main__":
    main()
