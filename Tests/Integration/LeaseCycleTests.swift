import TestSupport
import Testing

extension Integration {
    @Suite struct LeaseCycles {
        @Test func nothingGrowsInManyLeases() async throws {
            let models: [TestModel] = [.remote("alpha"), .remote("beta", workers: 2)]
            try await withController(.init(models, templates: false)) { controller in
                // Controller, zygote, front end, core, and as many workers as the larger group.
                let processes = 6
                func cycle(_ number: Int) async throws {
                    let models = [["alpha"], ["beta"], ["alpha", "beta"]][number % 3]
                    for model in models {
                        let answer = try await controller.ask(model, "n\(number)", tokens: 2).succeeded().answer()
                        #expect(answer == "\(model): n\(number)")
                    }
                    for model in models { #expect(try await controller.unload(model).engines.count == 1) }
                }
                for number in 0..<3 { try await cycle(number) }
                let before = try await controller.usage(atRestWith: processes, workers: 2)
                for number in 0..<300 { try await cycle(number) }
                let after = try await controller.usage(atRestWith: processes, workers: 2)
                // Its own and the client's connections come and go; one that is lost in each cycle would make hundreds.
                #expect(after.descriptors < before.descriptors + 10)
                #expect(try await controller.engines().isEmpty)
                try await controller.awaitIdlePool(of: 2)
            }
        }

        @Test func norWithEnginesOfUsersAndParking() async throws {
            try await withController(.init([.remote("alpha", workers: 2)], templates: false)) { controller in
                func cycle(_ number: Int) async throws {
                    let executor = try UserExecutor(
                        controller.folder, workers: 1 + number % 2, options: ["--hold-ms", "0"])
                    let engine = try await controller.load("alpha")
                    _ = try await controller.park(engine.id).succeeded()
                    let reply = try await controller.ask("alpha", "n\(number)", tokens: 2).succeeded()
                    #expect(try reply.answer() == "alpha: n\(number)")
                    #expect(reply[header: "x-start-tier"] == "parked")
                    #expect(try await executor.process.waitForEnd() == .status(0))
                    _ = try await controller.unload("alpha")
                }
                for number in 0..<2 { try await cycle(number) }
                let before = try await controller.usage(atRestWith: 6, workers: 2)
                for number in 0..<40 { try await cycle(number) }
                let after = try await controller.usage(atRestWith: 6, workers: 2)
                #expect(after.descriptors < before.descriptors + 10)
            }
        }
    }
}
