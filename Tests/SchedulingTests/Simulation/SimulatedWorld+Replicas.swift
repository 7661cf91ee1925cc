import Scheduling

// Several engines of one model.

extension SimulatedWorld {
    /// Before it is carried out: what no replica may do.
    mutating func checkReplica(_ action: SchedulerAction) {
        guard case .assign(let assignment) = action, isReplica(assignment.engine) else { return }
        let others = scheduler.engines.values.filter { !isReplica($0.id) }
        if others.contains(where: { $0.phase == .queued }) {
            fail("the replica \(assignment.engine) takes memory before it is known what others need")
        }
        // Of several devices, it may be that the others wait for another one.
        if scheduler.devices.count == 1, let other = others.first(where: { $0.phase == .placing }) {
            fail("the replica \(assignment.engine) takes memory that \(other.id) waits for")
        }
        if scheduler.engines[assignment.engine]?.fingerprint != standing(of: assignment.model)?.fingerprint {
            fail("the replica \(assignment.engine) has other files than the engine beside it")
        }
    }

    /// After the actions of one event.
    mutating func checkReplicas(_ ready: Set<EngineID>) {
        for model in scheduler.models.values {
            if model.engines.count(where: ready.contains) > 1, !ready.subtracting(readyBefore).isEmpty {
                count("several are ready")
            }
            if let engine = model.engine, replicasBefore.contains(engine) { count("a replica stands for its model") }
            if let error = model.lastError, error.message.hasPrefix("The replica "), !errorsBefore.contains(error) {
                count("start of a replica refused: \(error.code.rawValue)")
            }
        }
        replicasBefore = Set(scheduler.models.values.flatMap(\.replicas))
        errorsBefore = scheduler.models.values.compactMap(\.lastError)
    }

    private func isReplica(_ engine: EngineID) -> Bool {
        scheduler.models.values.contains { $0.replicas.contains(engine) }
    }

    private func standing(of model: String) -> EngineRecord? {
        scheduler.models[model]?.engine.flatMap { scheduler.engines[$0] }
    }
}
