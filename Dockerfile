# The production image: the locked dependencies and the wheel, without the embedded servers.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /opt/vdept \
    && /opt/vdept/bin/pip install --require-hashes -r requirements/production.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY src/ src/
COPY graphql/ graphql/
COPY workers/ workers/
COPY migrations/ migrations/
RUN /opt/build/bin/hatchling build --target wheel --directory /dist \
    && /opt/vdept/bin/pip install --no-deps --no-index /dist/*.whl \
    && /opt/vdept/bin/python -m compileall -q /opt/vdept/lib

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home vdept
COPY --from=build /opt/vdept /opt/vdept
ENV PATH=/opt/vdept/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["vdept"]
CMD ["serve"]
