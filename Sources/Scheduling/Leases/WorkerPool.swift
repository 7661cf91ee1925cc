/// All workers of the node, and who has them.
///
/// A value without I/O or clock, like `Scheduler`, which it is a part of: `handle` takes an event and the time, changes
/// the state, and says what is to be done. It decides nothing about engines. Whoever does asks `canLease`, sends
/// `lease`, and later `reclaim` or `revoke`; the pool says once that a lease has `ended`, and once that its workers have
/// `returned`, which is when the engine's memory is free.
///
/// A worker that was leased is idle again only when it has done its reset for that very generation, and was then
/// measured against its own baseline. Whatever else happens, it is retired.
public struct WorkerPool: Sendable {
    public let limits: LeaseLimits
    public internal(set) var workers: [ProcessID: WorkerRecord] = [:]
    /// One for each lease, until the last of its workers has come back.
    public internal(set) var executors: [EngineID: ProxyExecutor] = [:]

    // What belongs to the event in hand.
    var now = Moment(nanoseconds: 0)
    var actions: [LeaseAction] = []

    public init(limits: LeaseLimits) { self.limits = limits }

    /// - Returns: what to do, in this order.
    public mutating func handle(_ event: LeaseEvent, at now: Moment) -> [LeaseAction] {
        self.now = now
        actions = []
        apply(event)
        return actions
    }

    private mutating func apply(_ event: LeaseEvent) {
        switch event {
        case .forked(let worker, let runtime, let device): forked(worker, runtime, device)
        case .idle(let worker, let bytes, let reset): becameIdle(worker, privateBytes: bytes, reset: reset)
        case .gone(let worker, let reason): gone(worker, reason: reason)
        case .accepted(let worker, let generation): accepted(worker, generation)
        case .declined(let worker, let generation, let reason): declined(worker, generation, reason: reason)
        case .resetDone(let worker, let generation): resetDone(worker, generation)
        case .resetFailed(let worker, let generation, let reason): resetFailed(worker, generation, reason: reason)
        case .measured(let worker, let generation, let bytes): measured(worker, generation, privateBytes: bytes)
        case .registered(let executor, let engine, let generation, let process):
            registered(executor, engine, generation, process: process)
        case .asked(let message, let worldSize): asked(message, worldSize: worldSize)
        case .released(let message, let engine, let generation): released(message, engine, generation)
        case .revoked(let executor, let engine, let generation): revoked(executor, engine, generation)
        case .executorGone(let executor): executorGone(executor)
        case .lease(let wish): lease(wish)
        case .revoke(let engine, let generation): revoke(engine, generation)
        case .reclaim(let engine, let generation): reclaim(engine, generation)
        case .dismiss(let worker, let reason): dismiss(worker, reason: reason)
        case .tick: expire()
        }
    }
}
