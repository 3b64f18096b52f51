#!/usr/bin/env bash
# debian:bookworm-slim by debootstrap, from the mirror that this machine's apt uses.
set -euo pipefail

mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
  awk '$1 == "bookworm" {print $2; exit}')
[[ $mirror && $(command -v debootstrap) ]] || {
  echo "no stand-ins here: they need Debian 12 and debootstrap" >&2
  exit 1
}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
debootstrap --variant=minbase bookworm "$tree" "$mirror" >/dev/null

# What nobody reads in a container, now and when packages are added.
cat >"$tree/etc/dpkg/dpkg.cfg.d/slim" <<'SLIM'
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
SLIM
# Without these, every image keeps some 100 MB of package lists and archives.
cat >"$tree/etc/apt/apt.conf.d/slim" <<'SLIM'
Acquire::Languages "none";
APT::Keep-Downloaded-Packages "false";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
SLIM
find "$tree"/var/{cache/apt,lib/apt/lists} -type f -delete
rm -rf "$tree"/usr/share/{doc,locale,man}
# packages of Java and PostgreSQL put links into it when they are installed, and fail without it
mkdir -p "$tree"/usr/share/man/man{1,7}
tar -C "$tree" -c . | docker import --change 'LABEL odori.stand-in=yes' --change 'CMD ["bash"]' \
  - debian:bookworm-slim >/dev/null
