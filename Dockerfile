# The page in a container, the same on a laptop and on a GPU workstation; how to run it stands in the README.
# torch's wheels bring their CUDA libraries; the driver comes from the host, with --gpus all.
FROM python:3.11-slim

# 1000 is also whom a Space runs a container as.
RUN useradd --uid 1000 --create-home playground \
    && install --directory --owner=1000 /cache

WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --requirement requirements.txt
COPY . .

USER 1000
ENV PYTHONUNBUFFERED=1 \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    HF_HOME=/cache/huggingface \
    PLAYGROUND_CACHE_DIR=/cache/latency-playground
VOLUME /cache
EXPOSE 7860
CMD ["python", "app.py"]
