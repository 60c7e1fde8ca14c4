"""The bridge to Label Studio: comparisons go out blinded and shuffled, annotations come back checked."""
