import Foundation
import TestSupport
import Testing

extension Faults {
    /// All kinds of engines share one pool, and come, go and die in any order.
    ///
    /// `SHARED_POOL_SEED` names what is done and in which order; what a kill in the middle of a start meets is the machine's.
    @Suite struct SharedPool {
        private static let steps = 40

        @Test func nothingIsLeftOfAnyOrder() async throws {
            let given = ProcessInfo.processInfo.environment["SHARED_POOL_SEED"]
            let seed = try given.map { try #require(UInt64($0)) } ?? .random(in: 0..<1_000_000)
            try await withController(.init(SharedPoolMember.configuredModels)) { controller in
                let before = try await controller.atRest()
                var run = try SharedPoolRun(controller, seed: seed)
                do {
                    for _ in 0..<Self.steps { try await run.step() }
                    try await run.endAll()
                } catch {
                    throw TestFailure("\(error)\nSHARED_POOL_SEED=\(seed): \(run.history.joined(separator: ", "))")
                }
                let after = try await controller.atRest()
                // Its own and the client's connections come and go; one that is lost in each step would make forty.
                #expect(after.descriptors < before.descriptors + 10, "SHARED_POOL_SEED=\(seed)")
            }
        }
    }
}

extension RunningController {
    /// Waits until only what is always there is there: no engines, idle workers, and no memory but the templates'.
    fileprivate func atRest() async throws -> Usage {
        for model in SharedPoolMember.configuredModels { try await awaitTemplate(of: model.name) }
        try await awaitIdlePool(of: 2)
        guard try await engines().isEmpty else { throw TestFailure("engines are left") }
        // Controller, zygote, three templates, four pairs, and a pool of the largest group's size.
        let usage = try await usage(atRestWith: 15, workers: 2)
        try await eventually("no memory is held but the templates'") {
            let held = try await models().reduce(0) { $0 + ($1.template?.footprintBytes ?? 0) }
            return try await devices()[0].usedBytes == held
        }
        return usage
    }
}
