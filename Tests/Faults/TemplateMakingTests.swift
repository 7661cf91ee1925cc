import TestSupport
import Testing

extension Faults {
    /// Templates that cannot be made: their models are cold, and start all the same.
    @Suite struct TemplateMaking {
        struct Fault: Sendable, CustomTestStringConvertible {
            let argument: String
            let value: String
            let reason: String
            var testDescription: String { "\(argument): \(value)" }

            static let all = [
                Fault(argument: "sim-template-fail-at", value: "config", reason: "sim-template-fail-at: config"),
                Fault(argument: "sim-template-fail-at", value: "app", reason: "sim-template-fail-at: app"),
                Fault(argument: "sim-template-crash-at", value: "app", reason: "signal 9"),
                Fault(argument: "sim-template-hang-at", value: "app", reason: "start_timeout"),
                Fault(argument: "sim-template-children-crash", value: "true", reason: "in a row"),
            ]
        }

        @Test(arguments: Fault.all)
        func theModelIsColdWithTheReason(_ fault: Fault) async throws {
            let alpha = TestModel(
                "alpha", settings: ["start_timeout": "4s"], arguments: [fault.argument: fault.value])
            try await withController(.init([alpha, TestModel("beta")])) { controller in
                let error = try await eventually("the reason is known") {
                    try await controller.model("alpha").template?.lastError
                }
                #expect(error.contains("The template of 'alpha' failed"), "\(error)")
                #expect(error.contains(fault.reason), "\(error)")

                let reply = try await controller.ask("alpha").succeeded()
                #expect(reply[header: "x-start-tier"] == "cold")
                #expect(try reply.answer() == "alpha: one two")
                // That is no reason against the model itself.
                #expect(try await controller.model("alpha").lastError == nil)

                try await controller.awaitTemplate(of: "beta")
                #expect(try await controller.ask("beta").succeeded()[header: "x-start-tier"] == "warm")
                #expect(try await controller.health().status == "healthy")
            }
        }

        @Test func oneThatHangsDelaysNoStart() async throws {
            let models = [
                TestModel("alpha", arguments: ["sim-template-hang-at": "app"]),
                TestModel("beta"),
            ]
            try await withController(.init(models)) { controller in
                try await eventually("it hangs") { try await controller.model("alpha").template?.state == "preparing" }
                // Its start_timeout is five minutes.
                for model in ["alpha", "beta"] {
                    #expect(try await controller.ask(model).succeeded()[header: "x-start-tier"] == "cold")
                }
                #expect(try await controller.model("alpha").template?.state == "preparing")
            }
        }

        @Test func itIsTriedAgainAfterAPause() async throws {
            let alpha = TestModel("alpha", files: .missing)
            try await withController(.init([alpha])) { controller in
                try await eventually("the reason is known") {
                    try await controller.model("alpha").template?.lastError?.contains("does not exist") == true
                }
                try ModelFiles.whole.write(to: controller.folder.modelFolder("alpha"))
                let template = try await controller.awaitTemplate(of: "alpha")
                #expect(template.lastError == nil)
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "warm")
            }
        }

        /// Loading the weights is a part of a template's life that only a sleep asks for.
        @Test func weightsThatCannotBeLoadedFailTheSleep() async throws {
            let model = TestModel("alpha", arguments: ["sim-template-fail-at": "load"])
            try await withController(.init([model, TestModel("beta")])) { controller in
                let first = try await controller.awaitTemplate(of: "alpha")
                let engine = try await controller.load("alpha")
                #expect(engine.startTier == "warm")
                let reply = try await controller.post("/models/alpha/sleep")
                #expect(reply.status == 503)
                #expect(try reply.error().code == "start_failed")
                #expect(try reply.error().message.contains("sim-template-fail-at: load"))
                // What needs no weights is made again.
                let next = try await controller.awaitTemplate(of: "alpha")
                #expect(next.pid != first.pid)
                #expect(!next.hasWeights)
                #expect(try await controller.ask("alpha").succeeded().answer() == "alpha: one two")
                #expect(try await controller.sleep("beta").tier == "asleep")
            }
        }
    }
}
