import Foundation
import TestSupport
import Testing

extension Faults {
    @Suite struct ModelFolders {
        @Test(arguments: [
            (ModelFiles.missing, "does not exist"), (.empty, "has no config.json"), (.truncated, "is truncated"),
        ])
        func areLookedAtFirst(files: ModelFiles, reason: String) async throws {
            let models = [TestModel("alpha", files: files), TestModel("beta")]
            try await withController(.init(models, templates: false)) { controller in
                let idle = try await eventually("a worker is idle") {
                    try await controller.workers().first { $0.state == "idle" }
                }
                let reply = try await controller.ask("alpha")
                #expect(reply.status == 503)
                let error = try reply.error()
                #expect(error.code == "start_failed")
                #expect(error.message.contains(controller.folder.modelFolder("alpha")))
                #expect(error.message.contains(reason))
                let load = try await controller.post("/models/alpha/load")
                #expect(load.status == 503)
                #expect(try load.error().message.contains(reason))

                // No process was spent on it.
                #expect(try await controller.workers().map(\.id) == [idle.id])
                _ = try await controller.ask("beta").succeeded()
            }
        }
    }
}
