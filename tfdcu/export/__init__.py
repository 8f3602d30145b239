"""LiteRT files: conversion, the interpreter, checks, sizes and latency."""

from tfdcu.export.app_files import write_app_files
from tfdcu.export.artifact import export_all
from tfdcu.export.artifact import export_litert
from tfdcu.export.check import check_litert
from tfdcu.export.clients import CLIENTS
from tfdcu.export.clients import check_clients
from tfdcu.export.clients import client_misfits
from tfdcu.export.compiled import runs_compiled
from tfdcu.export.convert import FEW_IMAGES
from tfdcu.export.explain import explain
from tfdcu.export.flatbuffer import inspect_litert
from tfdcu.export.formats import ALL_FORMATS
from tfdcu.export.formats import FORMATS
from tfdcu.export.formats import check_formats
from tfdcu.export.formats import check_min_agreement
from tfdcu.export.interpreter import LiteRTModel
from tfdcu.export.latency import latency
from tfdcu.export.latency import latency_runs
from tfdcu.export.model_latency import litert_latency
from tfdcu.export.sizes import file_sizes
from tfdcu.export.trained_ranges import trained_format

__all__ = [
    "ALL_FORMATS",
    "CLIENTS",
    "FEW_IMAGES",
    "FORMATS",
    "LiteRTModel",
    "check_formats",
    "check_min_agreement",
    "check_litert",
    "check_clients",
    "client_misfits",
    "explain",
    "export_all",
    "export_litert",
    "file_sizes",
    "inspect_litert",
    "latency",
    "latency_runs",
    "litert_latency",
    "runs_compiled",
    "trained_format",
    "write_app_files",
]
