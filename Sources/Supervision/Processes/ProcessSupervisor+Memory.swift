import ControlProtocol
import Scheduling

// What processes own, as they say themselves.

extension ProcessSupervisor {
    /// Whoever looks at what processes own sees it as of this long ago at most: each question costs the process a walk over
    /// all its pages.
    static let refreshInterval = Duration.seconds(1)

    /// Asks a process what it owns; nil if it does not answer in time.
    public func memory(of id: ProcessID) async -> ProcessMemory? { await memory(of: id, within: answerLimit) }

    /// Asks those of the processes that were not asked within `refreshInterval`. What one that does not answer within as long
    /// owned before stays in its snapshot.
    public func refreshMemory(of ids: [ProcessID]) async {
        let now = ContinuousClock.now
        let due = ids.filter { id in processes[id]?.refreshedAt.map { now - $0 >= Self.refreshInterval } ?? true }
        for id in due { processes[id]?.refreshedAt = now }
        await withDiscardingTaskGroup { group in
            for id in due { group.addTask { _ = await self.memory(of: id, within: Self.refreshInterval) } }
        }
    }

    private func memory(of id: ProcessID, within limit: Duration) async -> ProcessMemory? {
        guard let connection = processes[id]?.connection,
            let answer = try? await connection.request(
                within: limit, { .ping(Ping(id: $0, deadlineMilliseconds: $1)) }),
            case .pong(let pong) = answer
        else { return nil }
        processes[id]?.privateBytes = pong.privateBytes
        return ProcessMemory(privateBytes: pong.privateBytes, cacheBytes: pong.cacheBytes)
    }
}
