# One image for every stage: the command says which (`hub run routing`).
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/hub
COPY requirements.lock ./
RUN /opt/hub/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY schemas schemas
COPY connectors connectors
COPY hub hub
RUN /opt/hub/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM python:3.11.14-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin hub && install -d -o hub -m 0700 /var/lib/hub /var/lib/drop
COPY --from=build /opt/hub /opt/hub
ENV PATH=/opt/hub/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HUB_DATA=/var/lib/hub HUB_CACHE=/var/lib/hub/cache
USER 10001:10001
WORKDIR /var/lib/hub
EXPOSE 8080 2575 9100
ENTRYPOINT ["hub"]
CMD ["serve"]
