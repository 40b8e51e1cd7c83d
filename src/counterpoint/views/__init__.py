"""Views: batched, seeded augmentation on tensors, one file per modality."""
