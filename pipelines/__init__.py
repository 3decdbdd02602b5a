"""The movement: store, engines, acquisition, decoding, alignment, publication."""
