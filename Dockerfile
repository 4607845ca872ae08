# The runtime lock and ourselves in a virtual environment; no compiler and no root in what runs.
FROM python:3.13-slim AS build
# For the one dependency without a wheel on every machine: the embedded Redis.
RUN apt-get update && apt-get install --yes --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/huntarr
WORKDIR /src
COPY requirements/runtime.txt requirements/
RUN /opt/huntarr/bin/pip install --no-cache-dir --require-hashes --requirement requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY alembic alembic
COPY app app
COPY worker worker
RUN /opt/huntarr/bin/pip install --no-cache-dir --no-build-isolation --no-deps .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /data huntarr && install --directory --owner huntarr /data
COPY --from=build /opt/huntarr /opt/huntarr
ENV PATH=/opt/huntarr/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HUNTARR_HOST=0.0.0.0 \
    HUNTARR_DATA_DIR=/data \
    HUNTARR_LOG_FORMAT=json
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 9705
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 CMD ["python", "-c", "\
import os, urllib.request; \
base = os.environ.get('HUNTARR_BASE_URL', '').strip('/'); \
urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('HUNTARR_PORT', '9705') + ('/' + base if base else '') + '/api/health', timeout=4)"]
ENTRYPOINT ["huntarr"]
CMD ["serve"]
