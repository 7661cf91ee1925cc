import Foundation
import Hummingbird
import Scheduling

/// The configured models, as this API shows them and as OpenAI's does.
struct ModelRoutes {
    let controller: any ControllerManaging
    private let created = Int(Date().timeIntervalSince1970)

    private struct ModelList: Encodable { let models: [ModelStatus] }

    init(controller: any ControllerManaging) {
        self.controller = controller
    }

    func add(to router: Router<BasicRequestContext>) {
        router.add(.get, "/models") { _, _ in
            try await .json(ModelList(models: controller.status().models))
        }
        router.add(.get, "/models/{name}") { _, context in
            let name = try context.decoded("name")
            let models = await controller.status().models
            guard let model = models.first(where: { $0.name == name || $0.aliases.contains(name) }) else {
                throw Self.unknown(name)
            }
            return try .json(model)
        }
        router.add(.get, "/v1/models") { _, _ in
            try await .json(OpenAIModelListAnswer(data: names()))
        }
        // Some OpenAI clients do not encode the slashes of a name.
        router.add(.get, "/v1/models/**") { _, context in
            let name = try context.decodedRest()
            guard let model = await names().first(where: { $0.id == name }) else { throw Self.unknown(name) }
            return try .json(model)
        }
    }

    private func names() async -> [OpenAIModelAnswer] {
        OpenAIModelAnswer.all(of: await controller.status().models, created: created)
    }

    private static func unknown(_ name: String) -> ControllerError {
        ControllerError(.unknownModel, "No model is called \"\(name)\"; GET /models lists the configured ones.")
    }
}
