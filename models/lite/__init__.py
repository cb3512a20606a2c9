"""The small model for CPUs: StyleMapGAN's idea on a processor's terms.

`config` says its sizes, `networks` is its plain form in torch, for training and evaluation,
`runtime` its inference form on OpenVINO, free of torch. This module imports nothing.
"""
