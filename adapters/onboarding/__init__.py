"""What helps to add an insurer: a look at a sample, a mapping with its open questions, golden pairs, comparisons."""
