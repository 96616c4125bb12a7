"""The service: `create_app(config)` builds it; importing anything does nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime

import orjson
import psycopg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from adapters.versions import Versions, known
from gateway import published
from gateway.access.people import people_of
from gateway.acts import Objected
from gateway.batches.routes import Intake
from gateway.batches.routes import router as batch_routes
from gateway.batches.run import running
from gateway.blobs.evidence import Erased, open_evidence
from gateway.blobs.objects import NoBytes
from gateway.bundle.routes import router as bundle_routes
from gateway.cards.routes import router as card_routes
from gateway.catalogue import load_catalogue
from gateway.completeness.routes import router as completeness_routes
from gateway.config import Config
from gateway.db import new_pool
from gateway.delivery.routes import router as delivery_routes
from gateway.delivery.worker import delivering
from gateway.erasure.routes import router as erasure_routes
from gateway.errors import Misconfigured
from gateway.feed.routes import router as feed_routes
from gateway.filing.routes import router as filing_routes
from gateway.filing.sources.poll import polling
from gateway.filing.sources.ready import read_sources
from gateway.filing.store import CurrentRegistry
from gateway.inquiries.routes import router as inquiry_routes
from gateway.keys import check_not_ended, find_ends, load_own_signer, load_previous
from gateway.ledger.asking import collecting, known_witnesses
from gateway.ledger.checkpoint import CheckpointRefused
from gateway.ledger.publish import publish
from gateway.ledger.routes import router as ledger_routes
from gateway.mappings.in_force import InForce
from gateway.mappings.routes import router as mapping_routes
from gateway.match.routes import router as match_routes
from gateway.oversight.look_back.routes import router as look_back_routes
from gateway.oversight.routes import router as oversight_routes
from gateway.participants import load_participants
from gateway.people.routes import router as people_routes
from gateway.premiums.routes import router as premium_routes
from gateway.problems import BadRequest, NotFound, Problem, Refused, Unavailable, render, without_bytes
from gateway.receipts.routes import router as receipt_routes
from gateway.registries.check import Terms as RegistryTerms
from gateway.registries.routes import router as registry_routes
from gateway.registries.store import CurrentRegistries
from gateway.search.routes import router as search_routes
from gateway.simulated import check_database, clock_of
from gateway.state import Gateway
from gateway.submissions.gather import Judges
from gateway.submissions.memory.routes import router as memory_routes
from gateway.submissions.recheck import recheck
from gateway.submissions.routes import router as submission_routes
from gateway.submissions.writer import Writer
from gateway.timestamps.asking import stamping
from schemas.verification import failed
from signing.errors import SignerLost, UnusableKey
from signing.signer import load_signer
from signing.trust import TrustError, TrustStore

_LOG = logging.getLogger("gateway")
_AFTER_LOSS = 5.0  # seconds until a signing key that was lost is looked for again


def build(config: Config, clock: Callable[[], datetime] | None = None, versions: Versions | None = None) -> Gateway:
    """Everything that a running gateway holds. Raises `Misconfigured` naming the file that cannot be used.

    `clock` is what the configuration says, by default; `versions` are the mappings that it can read with: those of this
    release.
    """
    clock = clock or clock_of(config)
    try:
        trust = TrustStore.load(config.trust_dir)
        signer = load_own_signer(config)
        sm2_signer = load_signer(config.sm2_signing_key.read_bytes()) if config.sm2_signing_key else None
    except (TrustError, UnusableKey, OSError) as error:
        raise Misconfigured(str(error)) from error
    if signer.algorithm != "ed25519":
        raise Misconfigured(f"{config.signing_key}: the log asks for an Ed25519 key (C2SP tlog-tiles)")
    if sm2_signer is not None and sm2_signer.algorithm != "sm2-sm3":
        raise Misconfigured(f"{config.sm2_signing_key}: not an SM2 key")
    known_witnesses(config)
    read_sources(config)
    load_previous(config.previous_keys)
    return Gateway(
        config=config,
        pool=new_pool(config.dsn, config.pool_size),
        participants=load_participants(config.participants),
        trust=trust,
        catalogue=load_catalogue(),
        versions=versions or known(),
        signer=signer,
        sm2_signer=sm2_signer,
        evidence=open_evidence(config),
        clock=clock,
        started_at=clock(),
    )


def judges_of(gateway: Gateway) -> Judges:
    """What the verdicts of this gateway rest on."""
    return Judges(
        participants=gateway.participants,
        trust=gateway.trust,
        catalogue=gateway.catalogue.digest,
        registry=CurrentRegistry(),
        registry_max_age_days=gateway.config.registry_max_age_days,
        registries=CurrentRegistries(),
        asked=RegistryTerms(gateway.config.registry_max_age_days, gateway.config.required_registries),
        schemes=gateway.config.schemes,
        log_origin=gateway.config.log_origin,
        evidence=gateway.evidence,
    )


def create_app(gateway: Gateway | None = None) -> FastAPI:
    """The ASGI application of this gateway; without one, only its description (OpenAPI)."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if gateway is None:
            raise Misconfigured("an application without a gateway describes itself and serves nothing")
        await gateway.pool.open(wait=True, timeout=30)
        async with gateway.pool.connection() as connection:
            await check_database(gateway.config, connection)
            check_not_ended(gateway.log_signers, await find_ends(connection), gateway.clock())
        people = people_of(gateway)
        reading = InForce(gateway.versions)
        await reading.begin(gateway.pool, gateway.participants.insurers(), gateway.clock())
        judges = judges_of(gateway)
        writer = Writer(gateway.pool, judges)
        writer.start()
        app.state.gateway, app.state.judges, app.state.writer = gateway, judges, writer
        app.state.reading, app.state.people = reading, people
        publisher = asyncio.create_task(_publish_for_ever(gateway), name="publisher")
        rechecker = asyncio.create_task(_recheck_for_ever(gateway, judges), name="rechecker")
        try:
            async with (
                delivering(gateway),
                collecting(gateway),
                polling(gateway),
                stamping(gateway),
                running(gateway, judges, reading) as runner,
            ):
                app.state.batches = Intake(runner)
                yield
        finally:
            await writer.stop()
            for task in (rechecker, publisher):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            with suppress(SignerLost, CheckpointRefused):  # which was told; the next process signs it
                await publish_now(gateway)
            await gateway.pool.close()

    app = FastAPI(
        title="Insurer gateway 新药保险保费核验网关",
        version="1.0.0",
        description="Sealed policies and paid premiums in; premiums that nobody has to take on trust out.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    for router in (
        submission_routes,
        receipt_routes,
        memory_routes,
        erasure_routes,
        batch_routes,
        bundle_routes,
        premium_routes,
        feed_routes,
        completeness_routes,
        delivery_routes,
        filing_routes,
        mapping_routes,
        ledger_routes,
        published.router,
        match_routes,
        registry_routes,
        people_routes,
        oversight_routes,
        look_back_routes,
        search_routes,
        card_routes,
        inquiry_routes,
    ):
        app.include_router(router)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _wrong_parameters)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(psycopg.OperationalError, _database_gone)
    app.add_exception_handler(Objected, _objected)
    app.add_exception_handler(NoBytes, _without_bytes)
    app.add_exception_handler(SignerLost, _signer_lost)
    app.add_exception_handler(Exception, _unforeseen)
    return app


async def publish_now(gateway: Gateway) -> None:
    """Sign a checkpoint over everything that is committed, if there is something new. Raises what `publish` raises, and
    `CheckpointRefused` once a key that would sign has ended: nobody would believe it."""
    signer, *beside = gateway.log_signers
    async with gateway.pool.connection() as connection:
        try:
            check_not_ended(gateway.log_signers, await find_ends(connection), gateway.clock())
        except Misconfigured as error:
            raise CheckpointRefused("ended-key", str(error)) from error
        await publish(connection, signer, beside=beside, origin=gateway.config.log_origin, at=gateway.clock())


async def _publish_for_ever(gateway: Gateway) -> None:
    while True:
        await asyncio.sleep(gateway.config.publish_every_seconds)
        try:
            await publish_now(gateway)
        except CheckpointRefused as refused:
            # The log must not be signed any further: an operator has to look. Receiving goes on.
            _LOG.critical("the log is not signed any more: %s", refused)
            gateway.notes.append(f"log: {refused}")
            return
        except psycopg.OperationalError as error:
            _LOG.warning("no checkpoint now: %s", error)
        except SignerLost as error:
            _LOG.critical("no checkpoint now: the signing key: %s", error)
            await asyncio.sleep(_AFTER_LOSS)


async def _recheck_for_ever(gateway: Gateway, judges: Judges) -> None:
    """Judge everything again whenever what verdicts rest on has changed."""
    while True:
        await asyncio.sleep(gateway.config.recheck_every_seconds)
        try:
            done = await recheck(gateway.pool, judges, gateway.clock)
        except (psycopg.OperationalError, NoBytes) as error:
            _LOG.warning("no recheck now: %s", error)
            continue
        if done is not None and done.changed:
            _LOG.warning("%d of %d premiums have a new revision under %s", done.changed, done.judged, done.basis)


async def _problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    return render(error, request, request.app.state.gateway.catalogue)


async def _objected(request: Request, error: Exception) -> Response:
    if not isinstance(error, Objected):
        raise error
    return render(Refused(checks=error.checks), request, request.app.state.gateway.catalogue)


async def _wrong_parameters(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    checks = [
        failed("request.parameters", "not-allowed", field="/".join(map(str, one["loc"])), detail=str(one["msg"]))
        for one in error.errors()
    ]
    return render(BadRequest(checks=checks), request, request.app.state.gateway.catalogue)


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    headers = error.headers  # a 405 says what is allowed
    problem: Problem = NotFound() if error.status_code == 404 else BadRequest(str(error.detail), headers=headers)
    problem.status = error.status_code
    return render(problem, request, request.app.state.gateway.catalogue)


async def _database_gone(request: Request, error: Exception) -> Response:
    _LOG.error("database: %s", error)
    problem = Unavailable("the database cannot be reached", headers={"retry-after": "5"})
    return render(problem, request, request.app.state.gateway.catalogue)


async def _without_bytes(request: Request, error: Exception) -> Response:
    if not isinstance(error, NoBytes):
        raise error
    if not isinstance(error, Erased):
        _LOG.error("evidence: %s", error)
    return render(without_bytes(error), request, request.app.state.gateway.catalogue)


async def _signer_lost(request: Request, error: Exception) -> Response:
    """Nothing is answered unsigned that is to be signed. What was decided stands: asked again, it is told."""
    _LOG.critical("the signing key: %s", error)
    problem = Unavailable("the signing key cannot be used", headers={"retry-after": "30"})
    return render(problem, request, request.app.state.gateway.catalogue)


async def _unforeseen(request: Request, error: Exception) -> Response:
    """Anything unforeseen is a 500, never a verdict; nothing of the request is kept, and the log says what happened."""
    _LOG.error("unforeseen on %s %s", request.method, request.url.path, exc_info=error)
    body = {"type": "/v1/problems/unforeseen", "title": "Unforeseen error 未预料的错误", "status": 500, "problems": []}
    return Response(orjson.dumps(body), status_code=500, media_type="application/problem+json")
