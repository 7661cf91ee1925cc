import ControlProtocol
import Scheduling

// vLLM's own sleep, for engines on devices whose memory forked processes do not share. Never tried on a GPU.

extension ProcessSupervisor {
    /// Copying all weights out of a device, or back, takes long.
    private static let sleepLimit = Duration.seconds(120)
    /// Letting workers go is quick; what takes longer is wrong.
    private static let parkLimit = Duration.seconds(30)

    /// Puts an engine to sleep, its weights kept in the host's memory (vLLM's level 1). The outcome is told by an event.
    public func suspend(_ engine: EngineID, _ generation: Generation, frontEnd: ProcessID) async {
        await ask(frontEnd, .suspended(engine, generation), engine, generation) {
            .sleep(
                Sleep(
                    id: $0, deadlineMilliseconds: $1, engine: engine.description,
                    generation: WireGeneration(generation), level: 1))
        }
    }

    /// Ends an engine's sleep. The outcome is told by an event.
    public func resume(_ engine: EngineID, _ generation: Generation, frontEnd: ProcessID) async {
        await ask(frontEnd, .resumed(engine, generation), engine, generation) {
            .wake(
                Wake(
                    id: $0, deadlineMilliseconds: $1, engine: engine.description,
                    generation: WireGeneration(generation)))
        }
    }

    /// Makes an engine's executor give its workers back. The outcome is told by an event.
    public func park(_ engine: EngineID, _ generation: Generation, frontEnd: ProcessID) async {
        await ask(frontEnd, .suspended(engine, generation), engine, generation, within: Self.parkLimit) {
            .park(
                Park(
                    id: $0, deadlineMilliseconds: $1, engine: engine.description,
                    generation: WireGeneration(generation)))
        }
    }

    /// Makes a parked engine's executor take its new workers, and load. The outcome is told by an event, after the stages.
    public func unpark(
        _ engine: EngineID, _ generation: Generation, frontEnd: ProcessID, within limit: Duration
    ) async {
        let returned = OneShot()
        if let core = processes[frontEnd]?.peer { processes[core]?.workersReturned = returned }
        await ask(frontEnd, .resumed(engine, generation), engine, generation, within: limit, after: returned) {
            .unpark(
                Unpark(
                    id: $0, deadlineMilliseconds: $1, engine: engine.description,
                    generation: WireGeneration(generation)))
        }
    }

    /// - Parameter other: what comes on another connection, in any order, and belongs to the success too.
    private func ask(
        _ frontEnd: ProcessID, _ success: SupervisionEvent, _ engine: EngineID, _ generation: Generation,
        within limit: Duration = ProcessSupervisor.sleepLimit, after other: OneShot? = nil,
        _ make: @Sendable (_ id: Int, _ deadline: Int) -> ControlMessage
    ) async {
        let reason: String
        do {
            guard let connection = processes[frontEnd]?.connection else {
                throw ControllerError(.internal, "The front end \(frontEnd) is not connected.")
            }
            guard case .done = try await connection.request(within: limit, make) else {
                throw ControllerError(.internal, "The front end \(frontEnd) answered with something else than 'done'.")
            }
            if let other, await !other.wait(atMost: answerLimit) {
                throw ControllerError(.internal, "The core of \(engine) did not tell that its workers have loaded.")
            }
            return await tell(success)
        } catch {
            reason = (error as? ControllerError)?.message ?? "\(error)"
        }
        if await !hasEnded([frontEnd]) { await tell(.suspensionFailed(engine, generation, reason: reason)) }
    }
}
