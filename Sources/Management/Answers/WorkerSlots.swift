import Scheduling
import Synchronization

/// Which slot number each worker has: the origin's `rank`. A worker keeps its slot as long as it lives, and a new one
/// takes the lowest that is free, so that numbers stay as small as the pool.
struct WorkerSlots {
    private var slots: [String: Int] = [:]

    /// Slots of exactly these workers. Those that are gone give theirs up first.
    ///
    /// - Parameter workers: ids as in `p-17`.
    mutating func update(workers: [String]) -> [String: Int] {
        let living = Set(workers)
        slots = slots.filter { living.contains($0.key) }
        var taken = Set(slots.values)
        var next = 0
        for worker in workers.sorted(by: Self.isOlder) where slots[worker] == nil {
            while taken.contains(next) { next += 1 }
            slots[worker] = next
            taken.insert(next)
        }
        return slots
    }

    /// `p-9` before `p-10`.
    private static func isOlder(_ left: String, _ right: String) -> Bool {
        (left.utf8.count, left) < (right.utf8.count, right)
    }
}

/// The slots, shared by the requests that ask for them.
final class WorkerSlotBook: Sendable {
    private let slots = Mutex(WorkerSlots())

    func slots(in status: ControllerStatus) -> [String: Int] {
        let workers = status.deviceWorkers.map(\.id)
        return slots.withLock { $0.update(workers: workers) }
    }
}

extension ControllerStatus {
    /// A worker is a process of that role, or a core that has no others: its one worker lives inside it.
    var deviceWorkers: [WorkerStatus] {
        let withWorkers = Set(engines.filter { !$0.workers.isEmpty }.map(\.id))
        return workers.filter { worker in
            worker.role == .worker || worker.role == .core && !(worker.engine.map(withWorkers.contains) ?? false)
        }
    }
}
