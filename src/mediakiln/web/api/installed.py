"""`/v1/operations` and `/v1/recipes`: what this installation can do."""

from functools import cache

from fastapi import APIRouter, Request

from mediakiln.model.access import Scope
from mediakiln.web.access import allowed
from mediakiln.web.api.openapi import problems
from mediakiln.web.api.schemas import OperationList, OperationOut, RecipeList, RecipeOut
from mediakiln.web.services import Services


def router(services: Services) -> APIRouter:
    """The routes; both answers are fixed once the process runs."""
    routes = APIRouter(tags=["installed"])

    @cache  # made when first asked for: dozens of schemas would hold up the start
    def operations() -> OperationList:
        described = (item.describe() for item in services.recipes.operations)
        return OperationList(operations=[OperationOut.model_validate(item) for item in described])

    recipes = RecipeList(
        recipes=[
            RecipeOut(
                name=name,
                version=recipe.version,
                steps={step: item.to_json() for step, item in recipe.steps.items()},
            )
            for name, recipe in services.recipes
        ]
    )

    @routes.get("/v1/operations", responses=problems(403))
    async def list_operations(request: Request) -> OperationList:
        """Every operation, with the files it takes, what it makes and its parameters."""
        allowed(request.scope, Scope.READ)
        return operations()

    @routes.get("/v1/recipes", responses=problems(403))
    async def list_recipes(request: Request) -> RecipeList:
        """The presets. The one named like a kind runs on files of that kind by default."""
        allowed(request.scope, Scope.READ)
        return recipes

    return routes
