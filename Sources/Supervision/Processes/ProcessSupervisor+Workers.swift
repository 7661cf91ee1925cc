import ControlProtocol
import Logging
import Scheduling

// Workers: whom they are leased to, and their resets. Every outcome is told by an event, but that an answer to `reset` or
// the ping after it is late: the pool has the same limits, and one of the two has to say it first.

extension ProcessSupervisor {
    /// Tells a worker whose executor may attach to it.
    public func lease(_ worker: ProcessID, _ lease: Scheduling.Lease, owner: ExecutorOwner) async {
        guard let process = processes[worker], let connection = process.connection, let place = process.place else {
            return await declined(worker, lease, "it is not connected")
        }
        guard let pid = pid(of: owner) else { return await declined(worker, lease, "its executor's process is gone") }
        let cores = cores(of: worker, in: lease, on: place)
        let reason = await refusal(of: connection) {
            .lease(
                ControlProtocol.Lease(
                    id: $0, deadlineMilliseconds: $1, engine: lease.engine.description,
                    generation: WireGeneration(lease.generation), executorPid: pid, cores: cores))
        }
        if let reason { return await declined(worker, lease, reason) }
        await tell(.lease(.accepted(worker, lease.generation)))
    }

    private func declined(_ worker: ProcessID, _ lease: Scheduling.Lease, _ reason: String) async {
        await tell(.lease(.declined(worker, lease.generation, reason: reason)))
    }

    private func pid(of owner: ExecutorOwner) -> Int? {
        switch owner {
        case .core(let process): processes[process]?.watch?.pid
        case .user(let pid, _): Int(pid)
        }
    }

    /// The ranks of a group on one CPU device split its cores; a rank that would get none uses all.
    func cores(of worker: ProcessID, in lease: Scheduling.Lease, on place: DeviceSpecification) -> [Int] {
        let ranks = lease.workers.count
        guard place.isCPU, place.cores.count >= ranks, let rank = lease.rank(of: worker) else { return place.cores }
        let share = place.cores.count / ranks
        return Array(place.cores[rank * share..<(rank + 1) * share])
    }

    /// Tells a worker to let go of all that it has of its engine.
    public func reset(_ worker: ProcessID, _ generation: Generation, within limit: Duration) async {
        do {
            let answer = try await ask(worker, within: limit) {
                .reset(Reset(id: $0, deadlineMilliseconds: $1, generation: WireGeneration(generation)))
            }
            guard case .done = answer else { throw Self.otherAnswer("done") }
            await tell(.lease(.resetDone(worker, generation)))
        } catch {
            await resetFailed(worker, generation, error)
        }
    }

    /// Asks a worker what it owns after its reset.
    public func measure(_ worker: ProcessID, _ generation: Generation) async {
        do {
            let answer = try await ask(worker, within: answerLimit) { .ping(Ping(id: $0, deadlineMilliseconds: $1)) }
            guard case .pong(let pong) = answer else { throw Self.otherAnswer("pong") }
            processes[worker]?.privateBytes = pong.privateBytes
            await tell(.lease(.measured(worker, generation, privateBytes: pong.privateBytes)))
        } catch {
            await resetFailed(worker, generation, error)
        }
    }

    private func ask(
        _ worker: ProcessID, within limit: Duration, _ make: @Sendable (_ id: Int, _ deadline: Int) -> ControlMessage
    ) async throws -> ControlMessage {
        guard let connection = processes[worker]?.connection else {
            throw ControllerError(.internal, "it is not connected")
        }
        return try await connection.request(within: limit, make)
    }

    private static func otherAnswer(_ wanted: String) -> ControllerError {
        ControllerError(.internal, "it answered with something else than '\(wanted)'")
    }

    private func resetFailed(_ worker: ProcessID, _ generation: Generation, _ error: any Error) async {
        let known = error as? ControllerError
        guard known?.code != .deadlinePassed else { return }
        let reason = known?.message ?? "\(error)"
        await tell(.lease(.resetFailed(worker, generation, reason: reason)))
    }
}
