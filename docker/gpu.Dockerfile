# affectloom with CUDA, for speech and picture embeddings on GPUs. Built from the repository's root:
#   docker build -f docker/gpu.Dockerfile -t affectloom:gpu .
# Never run by us: see docker/README.md.
FROM nvidia/cuda:12.8.1-cudnn-runtime-ubuntu22.04

# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ffmpeg libegl1 libgles2 libgl1 libglib2.0-0 python3.11 python3.11-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3.11 -m venv /opt/venv \
    && useradd --create-home --uid 1000 loom \
    && install -d -o loom -g loom /home/loom/.cache
ENV PATH=/opt/venv/bin:$PATH

RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cu128 torch==2.13.0 torchcodec==0.13.0

WORKDIR /opt/affectloom
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY extractors extractors
COPY annotation annotation
COPY dataset_cards dataset_cards
COPY pipelines pipelines
# s3fs and gcsfs must be of the version of the fsspec that comes with the rest: pip chooses.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir ".[speech,faces,prosody,clip,load,ray,beam,agree,acquire]" \
    "ray[data,default]==2.60.0" "s3fs>=2024.6" "gcsfs>=2024.6"

USER 1000
WORKDIR /home/loom
CMD ["affectloom", "doctor"]
