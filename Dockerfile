# The image of this checkout: `migrate` from its wheel, as a user without rights.
#   docker build --tag REGISTRY/migrate:VERSION .
#   docker build --build-arg EXTRAS='[fleet]' --tag REGISTRY/migrate-fleet:VERSION .
FROM public.ecr.aws/docker/library/python:3.12-slim AS wheel
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY migrator ./migrator
COPY man ./man
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM public.ecr.aws/docker/library/python:3.12-slim
ARG EXTRAS=""
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/*.whl)${EXTRAS}" && rm -r /wheels \
    && useradd --create-home --uid 10001 migrate

# A number, because runAsNonRoot of a pod cannot judge a name.
USER 10001
WORKDIR /home/migrate
ENV PYTHONUNBUFFERED=1 NO_COLOR=1
ENTRYPOINT ["migrate"]
CMD ["--help"]
