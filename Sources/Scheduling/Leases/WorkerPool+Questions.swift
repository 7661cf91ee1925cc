// What others may want to know of the pool.

/// The workers of one runtime on one device that are not retired.
public struct WorkerCount: Sendable, Equatable {
    public internal(set) var starting = 0
    public internal(set) var idle = 0
    public internal(set) var leased = 0
    public internal(set) var resetting = 0

    /// Those that an engine can have now or soon, if nothing fails: what is missing beyond them has to be forked.
    public var spare: Int { starting + idle + resetting }
}

extension WorkerCount: CustomStringConvertible {
    /// For people who are told that there are not enough.
    public var description: String {
        "\(starting + idle + leased + resetting) workers: \(idle) idle, \(leased) leased, \(resetting) being reset, "
            + "\(starting) starting"
    }
}

extension WorkerPool {
    public func count(of runtime: RuntimeName, on device: DeviceID) -> WorkerCount {
        var count = WorkerCount()
        for worker in workers.values where worker.runtime == runtime && worker.device == device {
            switch worker.state {
            case .starting: count.starting += 1
            case .idle: count.idle += 1
            case .leased: count.leased += 1
            case .resetting: count.resetting += 1
            case .retired: break
            }
        }
        return count
    }

    /// Whether workers are being told whom to expect, which takes them a moment. One that takes longer hangs.
    func isGranting(at now: Moment) -> Bool {
        workers.values.contains { worker in
            guard case .leased(_, hasAccepted: false) = worker.state else { return false }
            return now - worker.since < limits.usualAnswer
        }
    }

    /// By slot; those that are retired among them.
    public var workersInOrder: [WorkerRecord] {
        workers.values.sorted { ($0.slot, $0.process.description) < ($1.slot, $1.process.description) }
    }

    var executorsInOrder: [ProxyExecutor] {
        executors.values.sorted { $0.lease.generation < $1.lease.generation }
    }
}
