# Odori, any part of it: `docker run odori work order`. Built by `make images` from wheels, without
# a network.
FROM python:3.11-slim AS build
COPY dist/wheels /wheels
RUN python3 -m venv /opt/odori \
 && /opt/odori/bin/pip install --quiet --no-cache-dir --no-index --find-links /wheels \
    "odori-choreography[postgres]" \
 && /opt/odori/bin/pip uninstall --quiet --yes setuptools pip

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home odori \
 && install -d -o odori -g odori -m 700 /data
COPY --from=build /opt/odori /opt/odori
# a container's own address; what is published, and where, says who runs it
ENV PATH=/opt/odori/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    ODORI_DATA=/data ODORI_HOST=0.0.0.0 ODORI_PORT=3000
USER odori
WORKDIR /data
VOLUME /data
EXPOSE 3000
# no Python: it is asked every few seconds, in every container
HEALTHCHECK --interval=3s --timeout=5s --start-period=120s --retries=5 CMD ["bash", "-c", \
  "exec 3<>/dev/tcp/127.0.0.1/$ODORI_PORT && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 \
   && read -r said <&3 && [[ $said == *' 200 '* ]]"]
ENTRYPOINT ["odori"]
CMD ["up"]
