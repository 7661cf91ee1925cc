import Scheduling
import Testing

// A second engine of a model.

extension Harness {
    /// The model's engines are full, one more request comes, and the engine that it brings becomes ready. Nothing is in any
    /// of them afterwards.
    mutating func startReplica(_ model: String, weightBytes: Int = 0) throws -> EngineID {
        for engine in scheduler.models[model]?.engines ?? [] {
            inFlight[engine] = scheduler.models[model]?.specification.concurrency
        }
        let request = request(model)
        let replica = try #require(replicas(of: model).last)
        inspect(replica, weightBytes: weightBytes)
        try becomeReady(replica)
        fillPools()
        #expect(outcomes(of: request) == [.admitted(replica)])
        for engine in scheduler.models[model]?.engines ?? [] { inFlight[engine] = 0 }
        return replica
    }
}
