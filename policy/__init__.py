"""From base model to policy: supervised fine-tuning, sampling and PPO."""
