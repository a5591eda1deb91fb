"""Runs of flows on DynamoDB."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from itertools import islice

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.database import ConditionFailed, ConditionsFailed, Database, Delete, Put, Update, Write
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.application.ports import DueRun, Stale
from tocsin.domain.flow import DAY, RUN_SHARDS, Executions, Trigger
from tocsin.domain.flow_run import Run, RunState, counted
from tocsin.domain.ids import AppId, FlowId, SubscriptionId

MAY_BEGIN = "attribute_not_exists(#pk) OR (#state = :ended AND #rests_until <= :at)"
UNCHANGED = "#id = :id AND #revision = :read"
AS_READ = "#due_at = :read"
_COUNTED = [figure.name for figure in fields(Executions)]
KEPT_AFTER_REST = DAY
"""How much longer than it rests an ended run is kept, for what is told late of before."""


class DynamoRuns:
    """The Runs port."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def get(self, app: AppId, flow: FlowId, subscription: SubscriptionId) -> Run | None:
        """The run, or None."""
        record = self._database.get(self._table, keys.run(app, flow, subscription))
        return None if record is None else _from_record(record)

    def start(self, run: Run, at: int, look_at: int, instead_of: Run | None = None) -> bool:
        """Store a new run and count it; False, and no change, if another is live or rests."""
        condition, ended = MAY_BEGIN, int(run.state is RunState.ENDED)
        values: Item = {"ended": RunState.ENDED, "at": at}
        if instead_of is not None:
            condition, values = UNCHANGED, {"id": instead_of.id, "read": instead_of.revision}
            ended += instead_of.state is not RunState.ENDED
        stored = Put(self._table, _to_item(run, look_at), condition, values)
        try:
            self._database.transact([stored, self._counted(run, Executions(1, ended, 0))])
        except ConditionsFailed:
            return False
        return True

    def put(self, new: Run, old: Run, look_at: int) -> None:
        """Store `new` where `old` was read, and count its end and its skipped steps. Raises Stale."""
        stored = Put(self._table, _to_item(new, look_at), UNCHANGED, {"id": old.id, "read": old.revision})
        done = counted(new, old)
        writes: list[Write] = [stored] if done == Executions() else [stored, self._counted(new, done)]
        try:
            if len(writes) == 1:
                self._database.put(stored)
            else:
                self._database.transact(writes)
        except (ConditionFailed, ConditionsFailed) as refusal:
            raise Stale from refusal

    def remove(self, run: Run) -> None:
        """Forget a run whose flow is no more."""
        self._database.transact([Delete(self._table, keys.run(run.app, run.flow, run.subscription))])

    def held(
        self, app: AppId, flow: FlowId, shard: int, after: SubscriptionId | None, limit: int
    ) -> Sequence[SubscriptionId]:
        """Runs of a shard that are held, by subscription."""
        # `~` comes after every id.
        values: Item = {
            "owner": keys.flow_shard(app, flow, shard),
            "after": f"{keys.RUNS}{after or ''}",
            "last": f"{keys.RUNS}~",
            "held": RunState.HELD,
        }
        condition = "#pk = :owner AND #sk BETWEEN :after AND :last"
        # What was held within the last second may be missed: a flow's runs are looked through twice.
        records = self._database.query(
            self._table, condition, values, only="#state = :held", page=limit, consistent=False, attributes="#sk"
        )
        found = (SubscriptionId(record.text("sk").removeprefix(keys.RUNS)) for record in records)
        return list(islice((one for one in found if one != after), limit))

    def clear(self, app: AppId, flow: FlowId, shard: int, limit: int) -> bool:
        """Forget up to `limit` things of a shard; whether that was all."""
        partitions = [keys.flow_shard(app, flow, shard)]
        if shard == 0:
            partitions.append(keys.entry(app, "FLOW", flow)["pk"])
        for partition in partitions:
            # Likewise what began within the last second; what is removed already may be so once more.
            records = self._database.query(
                self._table, "#pk = :owner", {"owner": partition}, page=limit, consistent=False, attributes="#sk"
            )
            found = [keys.key(partition, record.text("sk")) for record in islice(records, limit)]
            if found:
                self._database.transact([Delete(self._table, one) for one in found])
            if len(found) == limit:
                return False
        return True

    def due(self, by: int, limit: int) -> Iterable[DueRun]:
        """Waiting runs that are to be looked at by then, the longest waiting first."""
        waiting: list[tuple[int, str, str]] = []
        partitions = keys.all_runs_due()
        # Ids are spread evenly, so no partition has to be read for more than its part.
        each = -(-limit // len(partitions))
        for partition in partitions:
            records = self._database.query(
                self._table,
                "#due_pk = :due AND #due_at <= :by",
                {"due": partition, "by": by},
                index=keys.BY_DUE,
                page=each,
            )
            waiting += [(one.number("due_at"), one.text("pk"), one.text("sk")) for one in islice(records, each)]
        return [DueRun(*keys.run_in(pk, sk), look_at) for look_at, pk, sk in sorted(waiting)[:limit]]

    def postpone(self, run: DueRun, look_at: int) -> None:
        """Have the sweep look again at look_at; no change if somebody changed the run meanwhile."""
        key = keys.run(run.app, run.flow, run.subscription)
        values: Item = {"due_at": look_at, "read": run.look_at}
        try:
            self._database.change(Update(self._table, key, "SET #due_at = :due_at", values, AS_READ))
        except ConditionFailed:
            return

    def executions(self, app: AppId, flows: Collection[FlowId]) -> Mapping[FlowId, Executions]:
        """What these flows have done."""
        done = dict.fromkeys(flows, Executions())
        wanted = [keys.executions(app, flow, shard) for flow in done for shard in range(RUN_SHARDS)]
        for record in self._database.load(self._table, wanted):
            flow = FlowId(record.text("flow"))
            done[flow] += Executions(*(record.number_or_none(name) or 0 for name in _COUNTED))
        return done

    def _counted(self, run: Run, done: Executions) -> Update:
        values: Item = {"flow": run.flow, **asdict(done)}
        change = f"SET #flow = :flow ADD {', '.join(f'#{name} :{name}' for name in _COUNTED)}"
        return Update(self._table, keys.executions_with(run.app, run.flow, run.subscription), change, values)


def _to_item(run: Run, look_at: int) -> Item:
    """The item of a run. `due_at` is the sweep's: the run's own time is `next_at`."""
    waiting = run.state is RunState.WAITING
    return {
        **keys.run(run.app, run.flow, run.subscription),
        "id": run.id,
        "app": run.app,
        "flow": run.flow,
        "subscription": run.subscription,
        "trigger": run.trigger,
        "steps_revision": run.steps_revision,
        "position": run.position,
        "state": run.state,
        "next_at": run.due_at,
        "started_at": run.started_at,
        "rests_until": run.rests_until,
        "skipped": run.skipped,
        "missing": run.missing,
        "revision": run.revision,
        "due_pk": keys.run_due(run.subscription) if waiting else None,
        "due_at": look_at if waiting else None,
        "expires_at": run.rests_until + KEPT_AFTER_REST if run.state is RunState.ENDED else None,
    }


def _from_record(record: Record) -> Run:
    return Run(
        record.text("id"),
        AppId(record.text("app")),
        FlowId(record.text("flow")),
        SubscriptionId(record.text("subscription")),
        Trigger(record.text("trigger")),
        record.number("steps_revision"),
        record.number("position"),
        RunState(record.text("state")),
        record.number("next_at"),
        record.number("started_at"),
        record.number("rests_until"),
        record.number("skipped"),
        record.number_or_none("missing") or 0,
        record.number("revision"),
    )
