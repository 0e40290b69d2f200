# Two stages: the first installs what uv.lock says, the second holds nothing but the result.
# Runs as user 10001 with a read-only root: only /var/lib/stagefold and /tmp are written.

FROM python:3.11.14-slim-bookworm AS build
RUN pip install --no-cache-dir uv==0.13.9
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/stagefold \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /src
# Dependencies change seldom, so they get a layer of their own.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-editable --no-install-project
COPY . .
RUN uv sync --frozen --no-dev --no-editable

FROM python:3.11.14-slim-bookworm
RUN install --directory --owner=10001 --group=10001 /var/lib/stagefold
COPY --from=build /opt/stagefold /opt/stagefold
ENV PATH=/opt/stagefold/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STAGEFOLD_DATA_DIR=/var/lib/stagefold \
    STAGEFOLD_HOST=0.0.0.0 \
    STAGEFOLD_PORT=8080
USER 10001:10001
WORKDIR /var/lib/stagefold
VOLUME ["/var/lib/stagefold"]
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["stagefold", "health"]
ENTRYPOINT ["stagefold"]
CMD ["serve"]
