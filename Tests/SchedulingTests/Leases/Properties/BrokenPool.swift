import Scheduling

/// Pools with a fault on purpose: a test that cannot fail proves nothing.
enum BrokenPool: String, Sendable, CaseIterable {
    /// Takes each message for one about the present lease, whatever generation it carries.
    case withoutFence
    /// Takes a worker's word for it that its reset is done.
    case withoutMeasuring
    /// Takes one that cannot tell what it owns for a clean one.
    case withoutDoubt
    /// Grants workers that do not know yet whom to expect.
    case withoutWaiting
    /// Does not notice that an executor is gone.
    case withoutReclaiming
    /// Forgets the answer to a release.
    case withoutAnswering

    var handler: LeaseHandler {
        switch self {
        case .withoutFence:
            return { pool, event, now in pool.handle(Self.refenced(event, for: pool), at: now) }
        case .withoutMeasuring: return Self.measuringNothing
        case .withoutDoubt:
            return { pool, event, now in
                guard case .measured(let worker, let of, nil) = event else { return pool.handle(event, at: now) }
                return pool.handle(.measured(worker, of, privateBytes: 0), at: now)
            }
        case .withoutWaiting: return Self.waitingForNobody
        case .withoutReclaiming:
            return { pool, event, now in
                if case .executorGone = event { return [] }
                return pool.handle(event, at: now)
            }
        case .withoutAnswering:
            return { pool, event, now in
                pool.handle(event, at: now).filter { if case .answer(_, .done) = $0 { false } else { true } }
            }
        }
    }

    private static func refenced(_ event: LeaseEvent, for pool: WorkerPool) -> LeaseEvent {
        let present = { (worker: ProcessID) in pool.workers[worker]?.lease?.generation }
        return switch event {
        case .accepted(let worker, let old): .accepted(worker, present(worker) ?? old)
        case .resetDone(let worker, let old): .resetDone(worker, present(worker) ?? old)
        case .measured(let worker, let old, let bytes): .measured(worker, present(worker) ?? old, privateBytes: bytes)
        default: event
        }
    }

    private static let measuringNothing: LeaseHandler = { pool, event, now in
        var actions = pool.handle(event, at: now)
        for case .measure(let worker, let generation) in actions {
            actions += pool.handle(.measured(worker, generation, privateBytes: 0), at: now)
        }
        return actions
    }

    private static let waitingForNobody: LeaseHandler = { pool, event, now in
        var actions = pool.handle(event, at: now)
        for case .lease(let worker, let lease, _) in actions {
            actions += pool.handle(.accepted(worker, lease.generation), at: now)
        }
        return actions
    }
}
