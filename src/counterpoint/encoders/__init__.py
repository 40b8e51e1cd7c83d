"""Encoders, one file per modality, and the heads that sit on them."""
