# The runtime lock and ourselves in a virtual environment; no compiler and no root in what runs.
FROM python:3.13-slim AS build
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
# Straight to the process: `http.client` knows no proxy, whatever `http_proxy` of the container says.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 CMD ["python", "-c", "\
import http.client, os, sys; \
base = os.environ.get('HUNTARR_BASE_URL', '').strip('/'); \
caller = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('HUNTARR_PORT', '9705')), timeout=4); \
caller.request('GET', ('/' + base if base else '') + '/api/health'); \
sys.exit(caller.getresponse().status != 200)"]
ENTRYPOINT ["huntarr"]
CMD ["serve"]
