"""Build face_landmarker.task from the models inside the mediapipe 0.10.21 wheel.

    pip download --no-deps --python-version 3.11 --only-binary :all: mediapipe==0.10.21
    python models/assets/build_landmarker.py mediapipe-0.10.21-*.whl face_landmarker.task

Current MediaPipe wheels bring no models and expect a download at run time; this asset is why vcam
needs none. It is a developer's tool, run once; nothing imports it. It needs mediapipe 1.2 (for the
schema of TensorFlow Lite and its metadata) and flatbuffers, and gives the same bytes every time.

Two things are done to the wheel's models. Both get the metadata that the Tasks API reads: how to
scale the input. And the landmark model's seven outputs (a coarse mesh of 468 points, finer points
for lips and eyes, two irises, presence) become the two that the API reads, 478 points and
presence, by one concatenation and one gather at the end of its graph.
"""

# The generated schema declares every field of every table as possibly None, and text as str where
# it reads bytes; checking each would hide what is done here.
# pyright: reportOptionalSubscript=false, reportOptionalIterable=false
# pyright: reportOptionalMemberAccess=false, reportArgumentType=false
# pyright: reportAttributeAccessIssue=false, reportUnnecessaryComparison=false

from __future__ import annotations

import argparse
import hashlib
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import flatbuffers
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata
from mediapipe.tasks.metadata import schema_py_generated as tflite

EXPECTED_SHA256 = "bc90fcc67678dfd2c17b879b76056bf1a096e5e1bd5694f91d23d33f625a12c1"

DETECTOR = "mediapipe/modules/face_detection/face_detection_short_range.tflite"
LANDMARKS = "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite"

COARSE_POINTS = 468
MESH_POINTS = 478
IRIS_POINTS = 5

# The place in the mesh of each finer point, in the order of the model's output.
# Source: MediaPipe, modules/face_landmark/tensors_to_face_landmarks_with_attention.pbtxt.
# fmt: off
LIPS = [
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
    76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408,
    62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407,
]
RIGHT_EYE = [  # the person's right; MediaPipe calls it left
    33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 130, 25, 110, 24,
    23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190, 226, 31, 228, 229, 230, 231, 232, 233,
    244, 113, 225, 224, 223, 222, 221, 189, 35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120,
    121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193,
]
LEFT_EYE = [
    263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398, 359, 255, 339,
    254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414, 446, 261, 448, 449, 450, 451,
    452, 453, 464, 342, 445, 444, 443, 442, 441, 413, 265, 353, 276, 283, 282, 295, 372, 340, 346,
    347, 348, 349, 350, 357, 465, 383, 300, 293, 334, 296, 336, 285, 417,
]
# fmt: on
UPPER_LIDS = [159, 386]  # lend the right and the left iris their depth, which it has not itself


def landmark_order() -> list[int]:
    """Where each of 478 x 3 coordinates lies in the raw outputs put one after another.

    Finer points give x and y; depth stays the coarse mesh's.
    """
    order = list(range(3 * COARSE_POINTS)) + [0] * (3 * (MESH_POINTS - COARSE_POINTS))
    start = 3 * COARSE_POINTS
    for points in (LIPS, RIGHT_EYE, LEFT_EYE):
        for point in points:
            order[3 * point : 3 * point + 2] = start, start + 1
            start += 2
    for iris, lid in enumerate(UPPER_LIDS):
        for k in range(IRIS_POINTS):
            point = COARSE_POINTS + IRIS_POINTS * iris + k
            order[3 * point : 3 * point + 3] = start, start + 1, 3 * lid + 2
            start += 2
    return order


def merge_outputs(model: tflite.ModelT) -> None:
    """End the landmark model's graph in 478 points and presence."""
    graph = model.subgraphs[0]
    outputs = {graph.tensors[index].name: index for index in graph.outputs}
    finer = ("lips", "left_eye", "right_eye", "left_iris", "right_iris")
    raw = [outputs[f"output_{part}".encode()] for part in ("mesh_identity", *finer)]

    order = landmark_order()
    places = tflite.BufferT()
    places.data = list(struct.pack(f"<{len(order)}i", *order))
    model.buffers.append(places)
    raw_numbers = sum(graph.tensors[index].shape[-1] for index in raw)

    int32, float32 = tflite.TensorType.INT32, tflite.TensorType.FLOAT32
    indices = _add_tensor(graph, "landmark_order", [len(order)], int32, len(model.buffers) - 1)
    joined = _add_tensor(graph, "raw_landmarks", [1, 1, 1, raw_numbers], float32)
    landmarks = _add_tensor(graph, "landmarks_478", [1, 1, 1, len(order)], float32)

    concatenation = tflite.ConcatenationOptionsT()
    concatenation.axis = 3
    _add_operator(model, "Concatenation", concatenation, raw, joined)
    gather = tflite.GatherOptionsT()
    gather.axis = 3
    _add_operator(model, "Gather", gather, [joined, indices], landmarks)

    graph.outputs = [landmarks, outputs[b"conv_faceflag"]]
    model.signatureDefs = None  # it names the outputs that are gone


def _add_tensor(
    graph: tflite.SubGraphT, name: str, shape: list[int], kind: int, buffer: int = 0
) -> int:
    tensor = tflite.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, kind, buffer
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _add_operator(
    model: tflite.ModelT, name: str, options: object, inputs: Sequence[int], output: int
) -> None:
    code = tflite.OperatorCodeT()
    code.builtinCode = getattr(tflite.BuiltinOperator, name.upper())
    code.deprecatedBuiltinCode = code.builtinCode
    code.version = 1
    model.operatorCodes.append(code)
    operator = tflite.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = list(inputs), [output]
    operator.builtinOptionsType = getattr(tflite.BuiltinOptions, f"{name}Options")
    operator.builtinOptions = options
    model.subgraphs[0].operators.append(operator)


def input_metadata(name: str, mean: float, deviation: float, outputs: int) -> bytes:
    """Say in the Tasks API's words: RGB input, scaled as (x - mean) / deviation, x in 0..255."""
    scaling = metadata.NormalizationOptionsT()
    scaling.mean, scaling.std = [mean], [deviation]
    step = metadata.ProcessUnitT()
    step.optionsType = metadata.ProcessUnitOptions.NormalizationOptions
    step.options = scaling

    picture = metadata.ImagePropertiesT()
    picture.colorSpace = metadata.ColorSpaceType.RGB
    content = metadata.ContentT()
    content.contentPropertiesType = metadata.ContentProperties.ImageProperties
    content.contentProperties = picture

    tensor = metadata.TensorMetadataT()
    tensor.name, tensor.content, tensor.processUnits = "image", content, [step]
    graph = metadata.SubGraphMetadataT()
    graph.inputTensorMetadata, graph.outputTensorMetadata = [tensor], []
    for k in range(outputs):
        output = metadata.TensorMetadataT()
        output.name = f"output_{k}"
        graph.outputTensorMetadata.append(output)

    model = metadata.ModelMetadataT()
    model.name, model.subgraphMetadata = name, [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"M001")
    return bytes(builder.Output())


def rewrite(
    model_bytes: bytes,
    name: str,
    mean: float,
    deviation: float,
    change: Callable[[tflite.ModelT], None] = lambda model: None,
) -> bytes:
    """Change a TensorFlow Lite model and put its input metadata into it."""
    model = tflite.ModelT.InitFromObj(tflite.Model.GetRootAsModel(model_bytes, 0))
    change(model)
    buffer = tflite.BufferT()
    buffer.data = list(input_metadata(name, mean, deviation, len(model.subgraphs[0].outputs)))
    model.buffers.append(buffer)
    entry = tflite.MetadataT()
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers) - 1
    others = [old for old in model.metadata or [] if old.name != b"TFLITE_METADATA"]
    model.metadata = [*others, entry]
    builder = flatbuffers.Builder(len(model_bytes))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def build(wheel: Path, task: Path) -> None:
    """Write the task file: both models, uncompressed, as the Tasks API wants them."""
    with zipfile.ZipFile(wheel) as source:
        detector, landmarks = source.read(DETECTOR), source.read(LANDMARKS)
    models = {
        "face_detector.tflite": rewrite(detector, "face detector", 127.5, 127.5),
        "face_landmarks_detector.tflite": rewrite(
            landmarks, "face landmarks", 0.0, 255.0, merge_outputs
        ),
    }
    with zipfile.ZipFile(task, "w", zipfile.ZIP_STORED) as package:
        for name, model in models.items():
            # A fixed date, so that the same models are the same bytes.
            package.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), model)


def main() -> int:
    """Build the task file and say whether it is the one vcam ships."""
    parser = argparse.ArgumentParser(description="Build face_landmarker.task.")
    parser.add_argument("wheel", type=Path, help="the mediapipe 0.10.21 wheel, for any system")
    parser.add_argument("task", type=Path, help="the file to write")
    arguments = parser.parse_args()
    build(arguments.wheel, arguments.task)
    found = hashlib.sha256(arguments.task.read_bytes()).hexdigest()
    print(f"{arguments.task}: sha256 {found}")
    if found != EXPECTED_SHA256:
        print(f"This is not the file that vcam ships, which has {EXPECTED_SHA256}.")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
