import ControlProtocol
import Logging
import Scheduling

/// How often workers at work are asked for a sign of life, and how long they may take to give one.
public struct Pulse: Sendable {
    let interval: Duration
    let limit: Duration

    public init(interval: Duration = .seconds(10), limit: Duration = .seconds(60)) {
        self.interval = interval
        self.limit = limit
    }
}

// Workers that are alive, and do nothing any more: their ends are no events, so they have to be asked.

extension ProcessSupervisor {
    /// Asks the workers that serve for signs of life, and kills those that give none, until the task is cancelled.
    func takePulses(of workersAtWork: @Sendable () async -> [ProcessID]) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                try await Task.sleep(for: pulse.interval)
                for worker in await workersAtWork() {
                    guard let process = processes[worker], !process.isAskedForLife,
                        let connection = process.connection
                    else { continue }
                    processes[worker]?.isAskedForLife = true
                    group.addTask { await self.takePulse(of: worker, connection) }
                }
            }
        }
    }

    private func takePulse(of worker: ProcessID, _ connection: ControlConnection) async {
        let isAlive = await answers(connection)
        processes[worker]?.isAskedForLife = false
        guard !isAlive, let watch = processes[worker]?.watch, !watch.isEnding else { return }
        let reason = "did not answer for \(pulse.limit.seconds) s"
        logger.error("worker \(reason)", metadata: ["process.id": "\(worker)", "pid": "\(watch.pid)"])
        processes[worker]?.killedBecause = reason
        watch.kill()
    }

    /// Asked twice, half the time each: a controller that stood still itself finds the first answer late.
    private func answers(_ connection: ControlConnection) async -> Bool {
        for _ in 0..<2 {
            do {
                _ = try await connection.request(within: pulse.limit / 2) {
                    .ping(Ping(id: $0, deadlineMilliseconds: $1, memory: false))
                }
                return true
            } catch {
                // Only silence counts: a connection that ended is followed by the process's end, or by its return.
                guard (error as? ControllerError)?.code == .deadlinePassed else { return true }
            }
        }
        return false
    }
}
