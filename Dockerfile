# Two images from one file: the labeling service without torch, and the trainer with it.
FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 OMP_WAIT_POLICY=PASSIVE \
    ACCORD_HOME=/data MPLCONFIGDIR=/tmp/matplotlib
RUN useradd --uid 10001 --create-home accord && install -d -o accord -g accord /data
WORKDIR /app
COPY pyproject.toml constraints.txt README.md ./

FROM base AS service
COPY annotation annotation
COPY cli cli
COPY dpo dpo
COPY evaluation evaluation
COPY policy policy
COPY pretrain pretrain
COPY reward reward
COPY storage storage
COPY workbench workbench
COPY workflow workflow
RUN pip install --constraint constraints.txt --editable '.[serve]'
USER accord
VOLUME /data
EXPOSE 8000
CMD ["accord", "serve", "--host", "0.0.0.0"]

FROM service AS trainer
USER root
RUN pip install 'torch==2.13.*' && pip install --constraint constraints.txt --editable '.[serve,train,label-studio]'
COPY configs configs
USER accord
CMD ["accord", "--help"]
