"""The one import contract that import-linter lacks: domains that are found, not listed."""

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, output


class IndependentDomains(Contract):
    """A folder in domains/ is imported by itself only; the modules beside it are the vocabulary."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        domains = {m for m in graph.find_children("domains") if graph.find_children(m)}
        strangers = [
            f"{importer} imports {module}"
            for domain in sorted(domains)
            for module in sorted({domain} | graph.find_descendants(domain))
            for importer in sorted(graph.find_modules_that_directly_import(module))
            if f"{importer}.".startswith("domains.") and not f"{importer}.".startswith(f"{domain}.")
        ]
        return ContractCheck(kept=not strangers, metadata={"strangers": strangers})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for stranger in check.metadata["strangers"]:
            output.print_error(stranger)
