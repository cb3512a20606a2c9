"""Making weights: faces from photos, training, distilling the small model, and what they share.

Runs by hand, never in the product: `python -m models.training.prepare`, `.train`, `.distil`
(docs/training.md). May use OpenCV and MediaPipe; the product imports nothing from here.
"""
