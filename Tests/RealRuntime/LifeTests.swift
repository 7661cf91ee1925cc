import Foundation
import TestSupport
import Testing

extension RealRuntime {
    @Suite struct Lives {
        @Test func leaveNothing() async throws {
            try await withControllerFolder(RealSetup.controller("alpha", "beta")) { folder in
                let first = try await folder.start()
                try await awaitRest(of: first)
                let foreign = RealSetup.foreignLeftovers()
                let before = try first.openDescriptors()
                for _ in 0..<3 {
                    for model in ["alpha", "beta"] {
                        let answer = try await first.ask(model, "What is the capital of France?")
                        #expect(try answer.succeeded()[header: "x-start-tier"] == "warm")
                        let report = try await first.unload(model)
                        #expect(report.freedBytes > 100 << 20)
                        try await awaitRest(of: first)
                    }
                }
                #expect(try first.openDescriptors() <= before + 2)

                for _ in 0..<3 {
                    #expect(try await first.sleep("beta").tier == "asleep")
                    try await awaitRest(of: first)
                    let answer = try await first.ask("beta", "What is the capital of France?")
                    #expect(try answer.succeeded()[header: "x-start-tier"] == "asleep")
                }
                #expect(try await first.unload("beta").freedBytes > 300 << 20)
                try await awaitRest(of: first)
                #expect(try first.openDescriptors() <= before + 2)

                // It dies with a model loaded; the next one begins with nothing.
                _ = try await first.load("alpha")
                let survivors = folder.processes.count
                #expect(survivors > 3)
                try await first.killAtOnce()
                let second = try await folder.start()
                try await second.waitUntilWarm()
                #expect(try await second.engines().isEmpty)
                #expect(try await second.ask("beta").status == 200)
                try await second.stop()
                try folder.expectNothingLeft()
                #expect(RealSetup.foreignLeftovers().subtracting(foreign).isEmpty)
            }
        }

        /// Every model's template is ready, each with an idle pair, and so is the pair that any model can have; nothing else
        /// takes memory.
        private func awaitRest(of controller: RunningController) async throws {
            try await eventually("every template and every pool is ready", within: .seconds(300)) {
                let models = try await controller.models()
                let idle = try await controller.workers().filter { $0.state == "idle" }
                let held = models.compactMap { $0.template?.footprintBytes }.reduce(0, +)
                let used = try await controller.devices().first?.usedBytes
                return models.allSatisfy { $0.template?.state == "ready" && $0.engines.isEmpty }
                    && idle.count == models.count + 1 && Set(idle.map(\.model)).count == models.count + 1
                    && held == used
            }
        }

        @Test func beginInspiteOfABadModel() async throws {
            var setup = RealSetup.controller("alpha")
            setup.models.append(
                TestModel("wrong", files: .whole, arguments: ["max-model-len": "2048"]))
            setup.models.append(
                TestModel("unknown", files: .link(to: RealSetup.model), arguments: ["max-modell-len": "1"]))
            try await withController(setup) { controller in
                // The folder looks like a model, but only vLLM can tell that it is none.
                let wrong = try await controller.ask("wrong")
                #expect(wrong.status == 503)
                #expect(try wrong.error().message.contains("simulated"))
                let unknown = try await controller.ask("unknown")
                #expect(unknown.status == 503)
                #expect(try unknown.error().message.contains("max-model-len"))
                #expect(try await controller.ask("alpha").status == 200)
            }
        }
    }
}
