# affectloom with everything that runs without a GPU. Built from the repository's root:
#   docker build -f docker/cpu.Dockerfile -t affectloom:cpu .
FROM python:3.11-slim-bookworm

# ffmpeg decodes; the others are what MediaPipe loads. Debian's point releases carry security fixes: no pins.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg libegl1 libgles2 libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 loom \
    && install -d -o loom -g loom /home/loom/.cache

# The CPU builds; PyPI's torch brings several GB of CUDA.
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch==2.13.0 torchcodec==0.13.0

WORKDIR /opt/affectloom
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY extractors extractors
COPY annotation annotation
COPY dataset_cards dataset_cards
COPY pipelines pipelines
# The same Ray on every node and in docker/rayjob.yaml; s3fs and gcsfs reach stores in buckets.
# s3fs and gcsfs must be of the version of the fsspec that comes with the rest: pip chooses.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir ".[speech,faces,prosody,clip,load,ray,beam,agree,acquire]" \
    "ray[data,default]==2.60.0" "s3fs>=2024.6" "gcsfs>=2024.6"

# Media is hostile: nothing here runs as root.
USER 1000
WORKDIR /home/loom
CMD ["affectloom", "doctor"]
