FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
ARG REVISION=
RUN CGO_ENABLED=0 go build -trimpath \
    -ldflags "-s -w -X heliograph/bootstrap.stamped=${VERSION} -X heliograph/bootstrap.stampedRevision=${REVISION}" \
    -o /heliograph ./bootstrap/cmd/heliograph

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /heliograph /heliograph
COPY --from=build /src/LICENSE /src/docs/NOTICES.txt /licenses/
USER 65532:65532
ENV APP_ENV=production
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/heliograph", "healthcheck"]
ENTRYPOINT ["/heliograph"]
CMD ["serve"]
