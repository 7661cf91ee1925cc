import Scheduling

/// One entry of `GET /v1/models`. An alias is an entry of its own: a client may use any name that it sees.
struct OpenAIModelAnswer: Encodable {
    let id: String
    let object = "model"
    /// Seconds since 1970. OpenAI's field; ours says when this controller started.
    let created: Int
    let ownedBy = "worker-controller"
    /// The model's own name; the same as `id`, except for an alias.
    let root: String
    let tier: Tier

    enum CodingKeys: String, CodingKey {
        case id, object, created, root, tier
        case ownedBy = "owned_by"
    }

    /// Every name of every model, each model's own before its aliases.
    static func all(of models: [ModelStatus], created: Int) -> [OpenAIModelAnswer] {
        models.flatMap { model in
            ([model.name] + model.aliases).map {
                OpenAIModelAnswer(id: $0, created: created, root: model.name, tier: model.tier)
            }
        }
    }
}

struct OpenAIModelListAnswer: Encodable {
    let object = "list"
    let data: [OpenAIModelAnswer]
}
