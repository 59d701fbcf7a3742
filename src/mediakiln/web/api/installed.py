"""`/v1/operations` and `/v1/recipes`: what this installation can do."""

from fastapi import APIRouter

from mediakiln.web.api.schemas import OperationList, OperationOut, RecipeList, RecipeOut
from mediakiln.web.services import Services


def router(services: Services) -> APIRouter:
    """The routes; both answers are fixed once the process runs."""
    routes = APIRouter(tags=["installed"])
    operations = OperationList(
        operations=[
            OperationOut.model_validate(item.describe()) for item in services.recipes.operations
        ]
    )
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

    @routes.get("/v1/operations")
    async def list_operations() -> OperationList:
        """Every operation, with the files it takes, what it makes and its parameters."""
        return operations

    @routes.get("/v1/recipes")
    async def list_recipes() -> RecipeList:
        """The presets. The one named like a kind runs on files of that kind by default."""
        return recipes

    return routes
