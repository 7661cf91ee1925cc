/// What ended in one step, and why: the state that is left does not tell.
public enum Ending: Sendable, Equatable {
    /// Its start failed or was refused, or it died. The record is as it was before.
    case engine(EngineRecord, reason: String)
    /// Its process is gone, though it was not retired.
    case worker(WorkerRecord, reason: String)
    case lease(EngineID, LeaseEnd)
    case templateFailed(model: String, reason: String)
    case templateGivenUp(model: String, reason: String)
}

extension Scheduler {
    /// Keeps the reason until the next step.
    mutating func note(endOf id: EngineID, _ reason: String) {
        if let engine = engines[id] { endings.append(.engine(engine, reason: reason)) }
    }
}
