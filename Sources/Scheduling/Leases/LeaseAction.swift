/// Something that is to be done about a worker, an executor or an engine.
public enum LeaseAction: Sendable, Equatable {
    // Workers
    /// Tell it whose executor it is to accept.
    case lease(ProcessID, Lease, owner: ExecutorOwner)
    /// Tell it to let go of all that it has of the engine.
    case reset(ProcessID, Generation)
    /// Ping it: it is used again only if its memory has come back.
    case measure(ProcessID, Generation)
    /// End it. It is counted and shown with the reason.
    case retire(ProcessID, Retirement)

    // Executors
    /// It is the engine's, and may ask.
    case welcome(ExecutorID, EngineID)
    /// Its registration is refused and its connection closed.
    case refuse(ExecutorID, reason: String)
    case answer(ExecutorMessage, ExecutorAnswer)
    /// Tell it to let its workers go.
    case revoke(ExecutorID, EngineID, Generation)

    // Engines: for the rest of the decision core. Each comes once for every lease, in this order.
    /// The lease is over. If it broke, the engine has to be ended.
    case ended(EngineID, Generation, LeaseEnd)
    /// None of its workers holds anything of it any more: each is proven clean, or gone.
    case returned(EngineID, Generation)
}
