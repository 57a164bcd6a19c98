"""The proof: real processes are killed at random and at every named point, and an independent checker counts what that cost."""
